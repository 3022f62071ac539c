"""What a document says of itself, proposed to a reviewer: its day, its sum and currency, who wrote it, and where."""
