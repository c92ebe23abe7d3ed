"""Where Pilot meets the network."""
