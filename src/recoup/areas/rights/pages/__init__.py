"""The pages of rights, by noun."""
