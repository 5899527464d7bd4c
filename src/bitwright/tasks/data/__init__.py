"""Labelled images: the known data sets, one's own, and the part held out from training.

`bitwright.tasks.data.load.load` is the one door.
"""
