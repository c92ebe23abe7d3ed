"""Where Citadel meets files, the ledger, gRPC and HTTP."""
