"""Where the injector meets the network."""
