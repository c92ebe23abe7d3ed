"""Where Galley meets the world: HTTP in, HTTP out, files."""
