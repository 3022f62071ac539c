"""Use cases of setup: bring files in, give them back, test what this server talks to."""
