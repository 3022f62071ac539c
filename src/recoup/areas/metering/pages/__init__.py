"""The pages of metering, by noun."""
