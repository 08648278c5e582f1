"""`ClientSpec`: how one MCP client is configured, as data. Each client's value is in a module of its own."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SERVER = "repo_harness"
"""The name of our server in every client: some change a hyphen, which would change the names of the tools."""

COMMAND, ARGS, WORDS, URL, AUTH_HEADER, TOOLS = "<command>", "<args>", "<words>", "<url>", "<auth-header>", "<tools>"
"""Places in an entry, for: the program, its arguments, both as one list, the endpoint, the command that prints headers,
the names of the tools."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What an entry is filled with.

    Attributes:
        words: the command line of the bridge.
        url: the endpoint over HTTP on this machine.
        auth_header: the command line that prints the headers for it.
        tools: the names of the tools that the client may be offered.
    """

    words: Sequence[str]
    url: str
    auth_header: str
    tools: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSpec:
    """One client.

    Attributes:
        id: as typed after `rhctl setup`.
        name: as its vendor writes it.
        user_files: where the user's own configuration may be; the first one is made if none is there.
        mac_user_files: the same on macOS, where that differs.
        project_files: where a repository's may be, relative to it; empty if the client has none.
        home: a variable and the folder that it takes the place of in `user_files`.
        format: toml, json or yaml.
        keys: the keys that lead to the table of servers.
        stdio: an entry for the bridge.
        http: an entry for the endpoint, or None if the client speaks stdio alone.
        add: by scope, the vendor's own command that adds the bridge; `{words}` stands for its command line.
        add_http: the vendor's own command that adds the endpoint; `{url}` stands for it.
        todo: by scope, what the person must still do.
        gate: what decides whether a project's file is read: a name in `rhctl.setup.gates`, or None.
        programs: commands of which one is on PATH where the client is installed.
        is_written: its file is documented well enough to be written; otherwise the entry is only printed.
        profile: the only profile that it is served; None means planner and executor.
        needs_repo: it starts servers in no folder of the user's, so the repository has to be named.
        helper_needs_repo: it runs the helper of a server in the user's file outside of the repository.
    """

    id: str
    name: str
    user_files: tuple[str, ...] = ()
    mac_user_files: tuple[str, ...] = ()
    project_files: tuple[str, ...] = ()
    home: tuple[str, str] | None = None
    format: str = "json"
    keys: tuple[str, ...] = ("mcpServers",)
    stdio: Mapping[str, Any] = field(default_factory=lambda: {"command": COMMAND, "args": ARGS})
    http: Mapping[str, Any] | None = None
    add: Mapping[str, str] = field(default_factory=dict)
    add_http: str | None = None
    todo: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gate: str | None = None
    programs: tuple[str, ...] = ()
    is_written: bool = True
    profile: str | None = None
    needs_repo: bool = False
    helper_needs_repo: bool = False

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that it has, the usual one first."""
        user = self.mac_user_files if sys.platform == "darwin" and self.mac_user_files else self.user_files
        return tuple(scope for scope, files in (("project", self.project_files), ("user", user)) if files)

    def file(self, scope: str, repo_path: str | None) -> str:
        """Return the configuration file of a scope: the one that is there, or the one that would be made."""
        if scope == "project":
            assert repo_path is not None
            files = [os.path.join(repo_path, name) for name in self.project_files]
        else:
            is_mac = sys.platform == "darwin" and self.mac_user_files
            files = [self._user_path(name) for name in (self.mac_user_files if is_mac else self.user_files)]
        return next((path for path in files if os.path.lexists(path)), files[0])

    def _user_path(self, name: str) -> str:
        if self.home is not None and (moved := os.environ.get(self.home[0])) and name.startswith(self.home[1]):
            return moved + name[len(self.home[1]) :]
        return os.path.expanduser(name)

    def entry(self, connection: Connection) -> dict[str, Any]:
        """Return the entry for the bridge."""
        return dict(_fill(self.stdio, connection))

    def http_entry(self, connection: Connection) -> dict[str, Any] | None:
        """Return the entry for the endpoint."""
        return dict(_fill(self.http, connection)) if self.http is not None else None

    def add_line(self, scope: str, connection: Connection) -> str | None:
        """Return the vendor's own command that adds the bridge."""
        line = self.add.get(scope)
        return line.format(words=shlex.join(connection.words), name=SERVER) if line is not None else None

    def add_http_line(self, connection: Connection) -> str | None:
        """Return the vendor's own command that adds the endpoint."""
        return self.add_http.format(url=connection.url, name=SERVER) if self.add_http is not None else None

    def snippet(self, entry: Mapping[str, Any]) -> str:
        """Return an entry as it would be in an empty file."""
        if self.format == "toml":
            from rhctl.setup.toml_text import set_entry

            return set_entry("", (*self.keys, SERVER), entry)
        whole: Any = {SERVER: dict(entry)}
        for key in reversed(self.keys):
            whole = {key: whole}
        if self.format == "yaml":
            return "\n".join(_yaml_lines(whole)) + "\n"
        return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _fill(template: Any, connection: Connection) -> Any:
    if isinstance(template, Mapping):
        return {key: _fill(value, connection) for key, value in template.items()}
    places = {
        COMMAND: connection.words[0],
        ARGS: list(connection.words[1:]),
        WORDS: list(connection.words),
        URL: connection.url,
        AUTH_HEADER: connection.auth_header,
        TOOLS: list(connection.tools),
    }
    return places.get(template, template) if isinstance(template, str) else template


def _yaml_lines(value: Mapping[str, Any], indent: str = "") -> list[str]:
    """Return a mapping as YAML lines: every scalar and list is written as JSON, which YAML reads."""
    lines = []
    for key, each in value.items():
        if isinstance(each, Mapping):
            lines += [f"{indent}{key}:", *_yaml_lines(each, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {json.dumps(each, ensure_ascii=False)}")
    return lines
