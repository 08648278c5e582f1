"""Configuration files as users have them: other servers, odd indentation, comments, other line ends."""

from __future__ import annotations

from rhctl.setup.client_spec import ClientSpec

OTHER = '{"command": "npx", "args": ["-y", "other-server"], "env": {"TOKEN": "${TOKEN}"}}'


def json_files(spec: ClientSpec) -> dict[str, bytes]:
    """Return files of a client that is configured in JSON, by what is odd about each."""
    (key,) = spec.keys
    plain = f'{{\n  "theme": "dark",\n  "{key}": {{\n    "other": {OTHER}\n  }},\n  "last": [1, 2]\n}}\n'
    return {
        "other servers": plain.encode(),
        "none yet": b'{\n  "theme": "dark"\n}\n',
        "an empty table": f'{{"{key}": {{}}, "theme": "dark"}}'.encode(),
        "an empty table with space": f'{{\n\t"{key}": {{ \n\t}}\n}}'.encode(),
        "tabs": plain.replace("  ", "\t").encode(),
        "three spaces": plain.replace("  ", "   ").encode(),
        "one line": f'{{"a":1,"{key}":{{"other":{OTHER}}}}}'.encode(),
        "odd": f'\n\n  {{ "{key}" :\n {{"other"  :{OTHER}\n,\n "z": {{}} }} , "theme":"dark" }}   \n\n'.encode(),
        "crlf": plain.replace("\n", "\r\n").encode(),
        "mixed line ends": plain.replace("\n", "\r\n", 2).encode(),
        "a byte order mark": b"\xef\xbb\xbf" + plain.encode(),
        "no line end": plain.rstrip("\n").encode(),
        "other scripts": plain.replace("dark", "d\u00fcster \u6697 \U0001f311").encode(),
        "an empty object": b"{}",
        "an empty file": b"",
        "a blank file": b"\n",
    }


TOML_FILES = {
    "other servers": b'# mine\nmodel = "x"   # a comment\n\n[mcp_servers.other]\ncommand = "other"\n',
    "none yet": b'model = "x"\n',
    "a table below": b'[mcp_servers.other]\ncommand = "other"\n\n[projects."/a"]\ntrust_level = "trusted"\n',
    "an empty table": b"[mcp_servers]\n",
    "inline": b'mcp_servers = { other = { command = "x" } }\n',
    "dotted": b'mcp_servers.other.command = "x"\n',
    "crlf": b'model = "x"\r\n\r\n[mcp_servers.other]\r\ncommand = "x"\r\n',
    "a byte order mark": b'\xef\xbb\xbfmodel = "x"\n',
    "no line end": b'model = "x"\n[tui]\n  theme = "dark"',
    "other scripts": 'model = "d\u00fcster \U0001f311"\n'.encode(),
    "comments only": b"# only a comment",
    "an empty file": b"",
    "blank lines": b"\n\n\n",
}


def files_of(spec: ClientSpec) -> dict[str, bytes]:
    """Return files that users of a client have."""
    return TOML_FILES if spec.format == "toml" else json_files(spec)
