"""The trained network as integers, and as files."""
