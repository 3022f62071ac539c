"""Insurance claims: filed with documents, reviewed, decided, and everyone told; every decision can be defended."""
