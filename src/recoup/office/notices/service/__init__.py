"""Use cases of notices: tell somebody, verify a number, keep a device."""
