"""Hourly usage from the producer's files, aggregated exactly, submitted to cloud marketplaces with no gap and no duplicate."""
