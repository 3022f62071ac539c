"""Decisions of jobs: when they are owed, how that reads, how their slots are drawn, how two runs differ."""
