"""Pods of Kubernetes: the review of one, and the patch that gives it a sidecar."""
