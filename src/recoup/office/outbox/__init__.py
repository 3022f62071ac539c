"""The outbox: every effect on the outside world, planned, handed over once, with a receipt or an honest unknown."""
