"""One file per outside thing. Only app.py imports from here."""
