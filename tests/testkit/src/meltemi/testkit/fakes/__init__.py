"""Ports kept in memory. Each passes the contract suite of the real adapter."""
