"""One repository as workflow artifacts: confinement, catalog, reading, writing, redaction, git facts.

Synchronous; called from worker threads. Knows nothing of MCP, of the event loop or of who is asking.
"""
