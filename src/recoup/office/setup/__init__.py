"""Setup: what this server was started with, whether its doors outside open, and the three files of the old program."""
