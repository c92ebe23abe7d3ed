"""What proxies count of the traffic between workloads, as the mesh keeps it."""
