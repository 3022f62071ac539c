"""The desk: what somebody sees who comes in (what runs, failed, waits for them), and search over everything."""
