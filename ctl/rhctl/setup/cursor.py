"""Cursor."""

from rhctl.setup.client_spec import URL, ClientSpec

SPEC = ClientSpec(
    id="cursor",
    name="Cursor",
    user_files=("~/.cursor/mcp.json",),
    project_files=(".cursor/mcp.json",),
    http={"url": URL},
    todo={
        "project": ("Enable the server in Cursor's settings, under MCP.",),
        "user": ("Enable the server in Cursor's settings, under MCP.",),
    },
    programs=("cursor", "cursor-agent"),
    is_written=False,
)
