"""From scope to IR: Istio's meaning, as plain functions of their arguments."""
