"""Scores of untrained networks, under the policy that they would train with."""
