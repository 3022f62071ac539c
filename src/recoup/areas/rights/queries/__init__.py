"""Every SELECT of rights."""
