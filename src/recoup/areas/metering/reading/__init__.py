"""Usage files as the vendor writes them, read exactly: what was measured, per contract and dimension, and what was left out."""
