"""The doorbell: NATS, as this mesh uses it."""
