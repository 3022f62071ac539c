"""Stand-ins for the outside world: the real protocols on loopback, and sample data made by our own code."""
