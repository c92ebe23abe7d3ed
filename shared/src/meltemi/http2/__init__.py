"""HTTP/2 as a server of gRPC streams needs it, without I/O (RFC 9113)."""
