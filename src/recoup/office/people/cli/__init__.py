"""The commands of people: who may come in, what they hold, what they did."""
