"""Quantization: methods as values, transforms that train, their oracle."""
