"""Vault's API as this authority uses it: calls, logins, and the PKI behind them."""
