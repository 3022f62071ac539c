"""What runs for rights."""
