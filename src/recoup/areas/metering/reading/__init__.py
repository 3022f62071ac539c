"""Usage files as the vendor writes them, read exactly: what was measured, for whom, and what was left out."""
