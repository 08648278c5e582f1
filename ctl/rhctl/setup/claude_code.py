"""Claude Code."""

from rhctl.setup.client_spec import ARGS, AUTH_HEADER, COMMAND, URL, ClientSpec

SPEC = ClientSpec(
    id="claude-code",
    name="Claude Code",
    user_files=("~/.claude.json",),
    project_files=(".mcp.json",),
    home=("CLAUDE_CONFIG_DIR", "~"),
    stdio={"type": "stdio", "command": COMMAND, "args": ARGS},
    http={"type": "http", "url": URL, "headersHelper": AUTH_HEADER},
    add={
        "project": "claude mcp add -s project {name} -- {words}",
        "user": "claude mcp add -s user {name} -- {words}",
    },
    add_http="claude mcp add -s user -t http {name} {url}",
    todo={"project": ("Start claude in the repository and approve the server when it asks.",)},
    gate="claude-code",
    helper_needs_repo=True,
    programs=("claude",),
)
