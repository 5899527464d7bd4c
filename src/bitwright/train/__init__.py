"""Training of networks under their policy."""
