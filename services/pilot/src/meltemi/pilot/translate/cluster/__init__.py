"""What a proxy can send to: clusters, their endpoints and their policies."""
