"""Every SELECT of metering, by noun: what use cases need as ``…_rows``, what pages show beside them."""
