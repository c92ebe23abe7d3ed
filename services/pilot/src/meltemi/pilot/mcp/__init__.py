"""Configuration from a server of the Mesh Configuration Protocol over xDS."""
