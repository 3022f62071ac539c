"""Sheets that people bring in, CSV or XLSX: read within bounds, in a process of their own, into lines of text cells."""
