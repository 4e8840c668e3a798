"""Trains the networks, broadcasts policies, and is the head of the run."""
