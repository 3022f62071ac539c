"""The use cases of metering, one function each; the order of steps, the locks, and what is planned with them."""
