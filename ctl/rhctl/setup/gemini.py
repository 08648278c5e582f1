"""Gemini CLI."""

from rhctl.setup.client_spec import URL, ClientSpec

SPEC = ClientSpec(
    id="gemini",
    name="Gemini CLI",
    user_files=("~/.gemini/settings.json",),
    project_files=(".gemini/settings.json",),
    http={"httpUrl": URL},
    add={
        "project": "gemini mcp add -s project {name} {words}",
        "user": "gemini mcp add -s user {name} {words}",
    },
    add_http="gemini mcp add -s user -t http {name} {url}",
    gate="gemini",
    programs=("gemini",),
)
