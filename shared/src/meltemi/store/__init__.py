"""The ledger: etcd, as this mesh uses it."""
