"""Contract suites and models that others run on their own parts."""
