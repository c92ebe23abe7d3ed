"""From IR to Envoy's messages, and from those to bytes."""
