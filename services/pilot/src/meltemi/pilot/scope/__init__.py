"""What one class of proxies may see of the model, and which policies apply to it."""
