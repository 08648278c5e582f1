"""Amp."""

from rhctl.setup.client_spec import URL, ClientSpec

SPEC = ClientSpec(
    id="amp",
    name="Amp",
    user_files=("~/.config/amp/settings.json",),
    keys=("amp.mcpServers",),
    http={"url": URL},
    add={"user": "amp mcp add {name} -- {words}"},
    add_http="amp mcp add {name} {url}",
    programs=("amp",),
)
