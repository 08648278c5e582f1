"""Antigravity."""

from rhctl.setup.client_spec import URL, ClientSpec

SPEC = ClientSpec(
    id="antigravity",
    name="Antigravity",
    user_files=("~/.gemini/config/mcp_config.json",),
    http={"serverUrl": URL},
    add={"user": "agy mcp add {name} {words}"},
    todo={"user": ("Refresh the list of MCP servers in Antigravity.",)},
    programs=("agy", "antigravity"),
    is_written=False,
)
