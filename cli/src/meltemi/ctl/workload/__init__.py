"""Workloads of one's own: joining a mesh from their machine with one command."""
