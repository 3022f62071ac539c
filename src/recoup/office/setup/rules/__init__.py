"""Decisions of setup: what the three files may hold, how their text is read, and what each value would change."""
