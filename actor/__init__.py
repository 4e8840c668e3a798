"""Steps a vectorized world and pushes whole episodes to the replay service."""
