"""Wasm modules that the agent fetches for its Envoy. No I/O but on streams given."""
