"""Messages to people: rendered from templates here, delivered through the outbox."""
