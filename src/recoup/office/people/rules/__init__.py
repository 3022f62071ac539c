"""Decisions about people: what an address is, what is too much, what a session is worth."""
