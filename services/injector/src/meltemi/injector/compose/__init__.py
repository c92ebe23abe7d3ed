"""Compose files: read with their places, changed line by line, and given back."""
