"""Istio-compatible configuration: bytes to typed values, checked once, at the door."""
