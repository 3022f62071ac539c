"""Stored bytes with a name, a size and a hash, and links to them that expire."""
