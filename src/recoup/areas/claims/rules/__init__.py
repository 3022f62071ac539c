"""Decisions of claims: values in, a value out."""
