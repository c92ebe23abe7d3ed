"""``meltemi stat``, ``edges`` and ``metrics``: what passes between workloads."""
