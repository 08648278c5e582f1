"""A repository as an MCP server, and the hub: every granted repository behind one URL."""
