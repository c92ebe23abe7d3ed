"""Names, as the agent answers for them: messages, tables, caches. No I/O."""
