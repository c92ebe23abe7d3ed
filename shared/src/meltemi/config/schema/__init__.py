"""Istio's kinds as frozen values: one field for each field of Istio's public API."""
