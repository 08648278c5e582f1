"""Zed."""

from rhctl.setup.client_spec import ARGS, COMMAND, URL, ClientSpec

SPEC = ClientSpec(
    id="zed",
    name="Zed",
    user_files=("~/.config/zed/settings.json",),
    project_files=(".zed/settings.json",),
    keys=("context_servers",),
    stdio={"command": COMMAND, "args": ARGS, "env": {}},
    http={"url": URL},
    todo={"project": ("Open the repository in Zed and trust the worktree.",)},
    programs=("zed", "zeditor"),
)
