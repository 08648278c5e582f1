"""Visual Studio Code."""

from rhctl.setup.client_spec import ARGS, COMMAND, URL, ClientSpec

SPEC = ClientSpec(
    id="vscode",
    name="Visual Studio Code",
    user_files=("~/.config/Code/User/mcp.json",),
    mac_user_files=("~/Library/Application Support/Code/User/mcp.json",),
    project_files=(".vscode/mcp.json",),
    keys=("servers",),
    stdio={"type": "stdio", "command": COMMAND, "args": ARGS},
    http={"type": "http", "url": URL},
    todo={
        "project": ("Open the repository in VS Code, trust the workspace, and start the server when it asks.",),
        "user": ("Trust the server when VS Code asks.",),
    },
    programs=("code",),
)
