"""Which item to draw: one interface, two strategies."""
