"""PDF files: written anew without what acts, fetches or hides, and drawn page by page."""
