"""Jobs of claims."""
