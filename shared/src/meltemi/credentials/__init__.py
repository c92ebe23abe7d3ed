"""Having a certificate of Citadel, and keeping it fresh: agents and services alike."""
