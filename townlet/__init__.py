"""What two or more of Townlet's services must agree on, the worlds, and the `townlet` command."""
