"""The last minutes of the mesh's traffic, in memory. No I/O."""
