"""Kiro."""

from rhctl.setup.client_spec import URL, ClientSpec

SPEC = ClientSpec(
    id="kiro",
    name="Kiro",
    user_files=("~/.kiro/settings/mcp.json",),
    project_files=(".kiro/settings/mcp.json",),
    http={"url": URL},
    todo={"project": ("Open the repository in Kiro and trust the workspace.",)},
    programs=("kiro", "kiro-cli"),
)
