"""What claims like this one came to: a range and an expected sum, from decided claims; it decides nothing."""
