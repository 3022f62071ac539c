"""The schema's history, applied by Alembic under one lock; what the application's role may do stands in grants.py."""
