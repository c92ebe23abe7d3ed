"""The parts of Envoy's bootstrap, each from what a ProxyConfig says. No I/O."""
