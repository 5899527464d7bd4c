"""What networks are trained for: one file per task, and the data sets."""
