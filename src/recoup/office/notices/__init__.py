"""Notices: a few words to somebody's telephone or browser, where they asked for it."""
