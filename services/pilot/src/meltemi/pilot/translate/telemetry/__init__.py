"""What proxies write of traffic: logs, spans and metrics."""
