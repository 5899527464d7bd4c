"""Accelerators that a short YAML file describes: what they run, and what it costs by a model."""
