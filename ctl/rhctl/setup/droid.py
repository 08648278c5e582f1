"""Droid, of Factory."""

from rhctl.setup.client_spec import ARGS, COMMAND, URL, ClientSpec

SPEC = ClientSpec(
    id="droid",
    name="Droid",
    user_files=("~/.factory/mcp.json",),
    stdio={"type": "stdio", "command": COMMAND, "args": ARGS},
    http={"type": "http", "url": URL},
    programs=("droid",),
)
