"""The journal: what happened, to what, by whom; append-only, and sealed into a chain of hashes."""
