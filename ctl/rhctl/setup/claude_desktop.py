"""Claude Desktop."""

from rhctl.setup.client_spec import ClientSpec

SPEC = ClientSpec(
    id="claude-desktop",
    name="Claude Desktop",
    user_files=("~/.config/Claude/claude_desktop_config.json",),
    mac_user_files=("~/Library/Application Support/Claude/claude_desktop_config.json",),
    todo={"user": ("Quit Claude Desktop and start it again.",)},
    is_written=False,
    needs_repo=True,
)
