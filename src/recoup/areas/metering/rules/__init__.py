"""Every decision of metering, values in, value out."""
