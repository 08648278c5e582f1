"""The daemon: one MCP server per adopted repository, in one process. docs/architecture.md shows its rooms."""
