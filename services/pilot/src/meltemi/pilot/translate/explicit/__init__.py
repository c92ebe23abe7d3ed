"""Sidecars whose traffic nobody captures: an address for each service (ADR 0007)."""
