"""Use cases of rights, one function each."""
