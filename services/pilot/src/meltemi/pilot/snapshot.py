"""Everything one class of proxies is to hold, as versioned bytes."""
