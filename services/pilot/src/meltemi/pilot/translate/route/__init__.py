"""Where a request goes: route tables, virtual hosts and routes."""
