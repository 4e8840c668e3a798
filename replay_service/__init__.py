"""Stores acknowledged episodes in Redis and serves sampled windows from memory."""
