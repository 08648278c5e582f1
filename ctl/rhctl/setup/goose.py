"""goose."""

from rhctl.setup.client_spec import ARGS, COMMAND, URL, ClientSpec

SPEC = ClientSpec(
    id="goose",
    name="goose",
    user_files=("~/.config/goose/config.yaml",),
    format="yaml",
    keys=("extensions",),
    stdio={"name": "repo-harness", "type": "stdio", "cmd": COMMAND, "args": ARGS, "enabled": True, "timeout": 120},
    http={"name": "repo-harness", "type": "streamable_http", "uri": URL, "enabled": True, "timeout": 120},
    todo={"user": ("Begin a new goose session.",)},
    programs=("goose",),
    is_written=False,
)
