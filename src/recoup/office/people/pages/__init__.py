"""The pages of people: the way in, one's own account, and for administrators who may come in and what they did."""
