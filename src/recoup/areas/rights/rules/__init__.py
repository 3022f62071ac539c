"""Decisions of rights: what a report must have, what a change means, when what lapses."""
