"""The command ``meltemi``."""
