"""Codex."""

from rhctl.setup.client_spec import ARGS, AUTH_HEADER, COMMAND, TOOLS, URL, ClientSpec

SPEC = ClientSpec(
    id="codex",
    name="Codex",
    user_files=("~/.codex/config.toml",),
    project_files=(".codex/config.toml",),
    home=("CODEX_HOME", "~/.codex"),
    format="toml",
    keys=("mcp_servers",),
    stdio={
        "command": COMMAND,
        "args": ARGS,
        "enabled_tools": TOOLS,
        "default_tools_approval_mode": "writes",
        "required": True,  # `codex exec` waits for required servers alone before the first turn
        "startup_timeout_sec": 20,
        "tool_timeout_sec": 120,
    },
    http={"url": URL, "http_headers_helper": AUTH_HEADER},
    add={"user": "codex mcp add {name} -- {words}"},
    add_http="codex mcp add {name} --url {url}",
    gate="codex",
    programs=("codex",),
    profile="executor",
)
