"""A first study file out of a few answers: `bitwright init`."""
