"""Configuration from files, with no Galley."""
