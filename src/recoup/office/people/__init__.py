"""People: who may come in, as what, by which proofs, and what they opened, downloaded or changed."""
