"""Reading reports: from packed bytes to rows that differ, in bounded memory."""
