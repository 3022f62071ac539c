"""The outbox's pages."""
