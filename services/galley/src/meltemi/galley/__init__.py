"""Galley: checks configuration, keeps it in etcd, and announces it."""
