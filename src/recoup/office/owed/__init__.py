"""The book of what is owed to us: a sum, a party, a state, and when it lapses."""
