"""Jobs: what runs when, and what each run did."""
