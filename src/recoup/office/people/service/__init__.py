"""Use cases of people, by what they are about: who, sessions, links, codes, factors, keys."""
