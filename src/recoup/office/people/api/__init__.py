"""The routes of people: signing in, one's own things, and what administrators do."""
