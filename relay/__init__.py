"""Passes policies on to many actors, so that the learner has few subscribers."""
