"""What the mesh makes of its configuration: translated, traced, explained."""
