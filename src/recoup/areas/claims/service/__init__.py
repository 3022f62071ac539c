"""Use cases of claims, one function each."""
