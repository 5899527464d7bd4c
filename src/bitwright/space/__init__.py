"""The space of networks: what can be chosen, and what it becomes."""
