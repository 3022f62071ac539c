"""Every SELECT of claims."""
