"""What the tests share: fakes, builders, processes, virtual time."""
