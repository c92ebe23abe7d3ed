"""What a proxy listens on: listeners, filter chains and what stands in them."""
