"""The agent beside every Envoy: identity, bootstrap, configuration, supervision."""
