"""A new root for the mesh without a moment in which somebody is not believed."""
