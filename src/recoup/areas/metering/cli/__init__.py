"""Metering's commands."""
