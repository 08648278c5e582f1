"""Cline CLI."""

from rhctl.setup.client_spec import URL, ClientSpec

SPEC = ClientSpec(
    id="cline",
    name="Cline CLI",
    user_files=("~/.cline/data/settings/cline_mcp_settings.json",),
    http={"type": "streamableHttp", "url": URL},
    programs=("cline",),
)
