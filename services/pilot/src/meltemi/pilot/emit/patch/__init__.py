"""A person's own changes, made to Envoy's messages."""
