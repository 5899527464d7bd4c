"""Graphs as torch networks that train under their policy."""
