"""The portal's pages of rights."""
