"""Where the agent meets Envoy, its sockets, Citadel, Pilot, Galley and the disk."""
