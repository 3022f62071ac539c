"""The commands of rights."""
