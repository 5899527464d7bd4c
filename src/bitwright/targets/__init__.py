"""The processors that networks are made for."""
