"""The meshes that the benchmark plays, drawn from a seed and encoded by hand."""
