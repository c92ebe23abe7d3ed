"""The signers behind the port: a key held here, files, or Vault."""
