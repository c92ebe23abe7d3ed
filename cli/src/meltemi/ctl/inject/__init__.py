"""``meltemi inject``: sidecars for compose files."""
