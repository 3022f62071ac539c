"""The commands of jobs and runs."""
