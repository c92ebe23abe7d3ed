"""What an Envoy counts, made into what the mesh is told of it. No I/O."""
