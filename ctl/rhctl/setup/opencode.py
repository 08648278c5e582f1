"""opencode."""

from rhctl.setup.client_spec import URL, WORDS, ClientSpec

SPEC = ClientSpec(
    id="opencode",
    name="opencode",
    user_files=("~/.config/opencode/opencode.json", "~/.config/opencode/opencode.jsonc"),
    project_files=("opencode.json", "opencode.jsonc"),
    home=("XDG_CONFIG_HOME", "~/.config"),
    keys=("mcp",),
    stdio={"type": "local", "command": WORDS, "enabled": True},
    http={"type": "remote", "url": URL, "enabled": True},
    programs=("opencode",),
)
