"""Qwen Code."""

from rhctl.setup.client_spec import URL, ClientSpec

SPEC = ClientSpec(
    id="qwen-code",
    name="Qwen Code",
    user_files=("~/.qwen/settings.json",),
    project_files=(".qwen/settings.json",),
    http={"httpUrl": URL},
    add={
        "project": "qwen mcp add -s project {name} {words}",
        "user": "qwen mcp add -s user {name} {words}",
    },
    add_http="qwen mcp add -s user -t http {name} {url}",
    todo={"project": ("Start qwen in the repository and approve the server when it asks.",)},
    gate="qwen-code",
    programs=("qwen",),
)
