"""GitHub Copilot CLI."""

from rhctl.setup.client_spec import ARGS, COMMAND, URL, ClientSpec

SPEC = ClientSpec(
    id="copilot",
    name="GitHub Copilot CLI",
    user_files=("~/.copilot/mcp-config.json",),
    project_files=(".mcp.json",),
    home=("COPILOT_HOME", "~/.copilot"),
    stdio={"type": "stdio", "command": COMMAND, "args": ARGS, "tools": ["*"]},
    http={"type": "http", "url": URL, "tools": ["*"]},
    add={"user": "copilot mcp add {name} -- {words}"},
    add_http="copilot mcp add --transport http {name} {url}",
    todo={"project": ("Start copilot in the repository and trust the folder when it asks.",)},
    programs=("copilot",),
)
