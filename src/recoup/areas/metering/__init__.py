"""Hourly usage from the producer, aggregated exactly and submitted to marketplaces: no gap, no duplicate."""
