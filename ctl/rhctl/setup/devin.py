"""Devin's editor, which was Windsurf."""

from rhctl.setup.client_spec import URL, ClientSpec

SPEC = ClientSpec(
    id="devin",
    name="Devin (formerly Windsurf)",
    user_files=("~/.config/devin/mcp_config.json", "~/.codeium/windsurf/mcp_config.json"),
    http={"url": URL},
    add={"user": "devin mcp add {name} -- {words}"},
    todo={
        "user": (
            "Devin asks before the first call of a tool.",
            "In an old Windsurf the file is ~/.codeium/windsurf/mcp_config.json, and url is called serverUrl there.",
        )
    },
    programs=("devin", "windsurf"),
    is_written=False,
)
