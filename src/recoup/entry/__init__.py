"""What is started: the command line, the server, the worker."""
