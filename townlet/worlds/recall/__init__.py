"""A task that nobody solves without a memory."""
