"""Istio's own test cases, run against the mesh: one module a suite."""
