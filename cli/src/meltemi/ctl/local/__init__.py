"""A whole mesh on this machine: what runs where, and the hands that start it."""
