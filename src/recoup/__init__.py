"""Recoup gets a company what it is owed: it collects, compares, files, reminds and submits, and says what it did."""
