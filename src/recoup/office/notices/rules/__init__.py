"""Decisions of notices: what they say, which numbers and devices are taken, how many codes leave."""
