"""The commands that talk to Galley."""
