"""Reading a spool without owning it (shell), for tools: its server may run or be stopped."""
