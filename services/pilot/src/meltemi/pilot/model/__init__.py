"""Pilot's picture of the mesh at one revision: immutable, indexed, pure."""
