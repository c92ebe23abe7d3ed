"""Citadel: signs workload certificates for callers that prove who they are."""
