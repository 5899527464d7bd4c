"""One of everything that Bitwright can be extended with."""
