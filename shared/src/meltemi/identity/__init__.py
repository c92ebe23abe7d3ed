"""Workload identity on the wire: requests, certificates, chains and bundles."""
