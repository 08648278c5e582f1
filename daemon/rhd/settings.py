"""The daemon's settings: file + environment + flags -> one frozen value in which every entry knows its origin.

Precedence, lowest first: default, file, environment, flag. One table describes each setting; the parser, the
commented sample, `rhctl config` and docs/operations.md derive from it.
"""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from rhd.addresses import is_loopback
from rhd.errors import StartRefused
from rhwire.errors import code_of_write
from rhwire.file_replacement import replace_file
from rhwire.home import make_folders
from rhwire.text_files import change_text, decode_text

DEFAULT_PORT = 8765
_HEADER = b"# repo-harness; see docs/operations.md for what can stand here\n"
_REDIRECT = r"(?:https|[a-z][a-z0-9+.-]*(?<!http)(?<!file)(?<!data)(?<!javascript))://[!-~]{1,500}"


class _Bad(ValueError):
    """The value cannot be used; the text says what would be."""


def _host(value: Any) -> str:
    if not isinstance(value, str) or not value or any(c in value for c in " /\\@"):
        raise _Bad("a host name or address, such as 127.0.0.1")
    return value


def _port(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 65535:
        raise _Bad("a port from 1 to 65535, or 0 for any free one")
    return value


def _public_url(value: Any) -> str | None:
    if value in (None, ""):
        return None
    if not isinstance(value, str):
        raise _Bad("an https URL without a path")
    return parse_origin(value)


def _origins(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise _Bad('a list of origins, such as ["https://example.com"]')
    for origin in value:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query or parts.fragment:
            raise _Bad(f"{origin!r} is no origin; write scheme://host, without a slash at the end")
    return tuple(value)


def _further_origins(value: Any) -> tuple[str, ...]:
    try:
        return tuple(parse_origin(origin, schemes=("https", "http")) for origin in _origins(value))
    except ValueError as error:
        raise _Bad(f'a list of full origins, such as ["http://127.0.0.1:9000"]: {error}') from None


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list) or not all(isinstance(v, str) and v.isascii() and v.isidentifier() for v in value):
        raise _Bad('a list of names of environment variables, such as ["OPENAI_API_KEY"]')
    return tuple(value)


def _count(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 100_000:
        raise _Bad("a whole number from 1 to 100000")
    return value


def _redirects(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split()
    if not isinstance(value, list) or not all(isinstance(v, str) and re.fullmatch(_REDIRECT, v) for v in value):
        raise _Bad('a list of full addresses, such as ["https://app.example.com/callback", "app://callback"]')
    return tuple(value)


def _seconds(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 60 <= value <= 30 * 86400:
        raise _Bad("a number of seconds from 60 to 2592000 (30 days)")
    return value


def _log_level(value: Any) -> str:
    if not isinstance(value, str) or value.lower() not in ("debug", "info", "warning", "error"):
        raise _Bad("debug, info, warning or error")
    return value.lower()


def _watcher(value: Any) -> str:
    if value not in ("auto", "inotify", "watchfiles", "poll"):
        raise _Bad("auto, inotify, watchfiles or poll")
    return str(value)


@dataclass(frozen=True, slots=True)
class Setting:
    """One entry of the table.

    Attributes:
        name: as in the file and in `rhctl config set`; upper-cased behind `REPO_HARNESS_` in the environment.
        parse: from a TOML value or a string to the value; raises ValueError with what would be accepted.
        default: used where nothing else is said.
        help: one line for people.
        reloads: True if SIGHUP takes a new value over.
    """

    name: str
    parse: Callable[[Any], Any]
    default: Any
    help: str
    reloads: bool = False


TABLE: tuple[Setting, ...] = (
    Setting("agent_env", _names, (), "environment variables handed to agents besides the usual ones: API keys", True),
    Setting("agent_run_s", _count, 1800, "how long an agent run may take, in seconds", True),
    Setting("agent_runs_a_day", _count, 20, "how many agent runs a repository may have in 24 hours", True),
    Setting("agent_runs_at_once", _count, 2, "how many agent runs go on at once; others are queued", True),
    Setting("agent_stall_s", _count, 300, "how long an agent may print nothing while it runs no command", True),
    Setting("allowed_origins", _origins, (), "browser origins allowed beside our own, chatgpt.com and claude.ai", True),
    Setting(
        "further_origins",
        _further_origins,
        (),
        "further origins under which clients reach this daemon, such as an ssh -L forward or a container's host",
        True,
    ),
    Setting(
        "further_redirects",
        _redirects,
        (),
        "callbacks of further hosted clients that a login may end at, each to the letter",
        True,
    ),
    Setting("host", _host, "127.0.0.1", "address that the HTTP port is bound to"),
    Setting("log_level", _log_level, "info", "how much the daemon says: debug, info, warning or error", True),
    Setting(
        "loopback_token_s",
        _seconds,
        86400,
        "seconds that an access token is good where the login ended at a program on this machine",
        True,
    ),
    Setting("port", _port, DEFAULT_PORT, "the HTTP port; 0 for any free one"),
    Setting("public_url", _public_url, None, "https origin of the tunnel, as recorded by rhctl endpoint", True),
    Setting("watcher", _watcher, "auto", "how changed files are noticed: auto, inotify (Linux), watchfiles, poll"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force.

    Attributes:
        origins: per setting, where its value comes from: `default`, `file`, `environment`, `flag`, or `socket` for
            the address of one that the service manager holds.
    """

    agent_env: tuple[str, ...]
    agent_run_s: int
    agent_runs_a_day: int
    agent_runs_at_once: int
    agent_stall_s: int
    allowed_origins: tuple[str, ...]
    further_origins: tuple[str, ...]
    further_redirects: tuple[str, ...]
    host: str
    log_level: str
    loopback_token_s: int
    port: int
    public_url: str | None
    watcher: str
    origins: Mapping[str, str]

    @classmethod
    def load(cls, file: str | None, environ: Mapping[str, str], flags: Mapping[str, Any]) -> Settings:
        """Return the settings that a file (or none), an environment and flags add up to.

        Args:
            file: path of a TOML file; one that does not exist says nothing.
            environ: looked up under `REPO_HARNESS_<NAME>`.
            flags: values by name; None says nothing.

        Raises:
            StartRefused: a value or the file cannot be used.
        """
        values: dict[str, Any] = {s.name: s.default for s in TABLE}
        origins = {s.name: "default" for s in TABLE}
        for origin, source in (
            ("file", read_file(file)),
            ("environment", _from_environment(environ)),
            ("flag", {k: v for k, v in flags.items() if v is not None}),
        ):
            for setting in TABLE:
                if setting.name in source:
                    values[setting.name] = _parse(setting, source[setting.name], origin)
                    origins[setting.name] = origin
        loaded = cls(**values, origins=origins)
        check_host(loaded.host, loaded.public_url)
        return loaded

    def on_socket(self, host: str, port: int) -> Settings:
        """Return these settings with the address of a socket that is held for us, whatever they say themselves."""
        return replace(self, host=host, port=port, origins={**self.origins, "host": "socket", "port": "socket"})

    def until_restart(self, in_force: Settings) -> Settings:
        """Return these settings with the values in force of those that only a restart changes."""
        kept = {s.name: getattr(in_force, s.name) for s in TABLE if not s.reloads}
        origins = {**self.origins, **{name: in_force.origins[name] for name in kept}}
        return replace(self, **kept, origins=origins)

    def to_json(self) -> dict[str, dict[str, Any]]:
        """Return `{name: {"value", "origin", "reloads"}}` for every setting."""
        return {
            s.name: {"value": getattr(self, s.name), "origin": self.origins[s.name], "reloads": s.reloads}
            for s in TABLE
        }


def check_host(host: str, public_url: str | None) -> None:
    """Refuse to listen where other machines can reach us while no public URL says that this is meant.

    Raises:
        StartRefused: it is so.
    """
    if not is_loopback(host) and public_url is None:
        raise StartRefused(
            f"the host {host} is reachable from other machines and no public_url is set",
            next_step="Keep 127.0.0.1 and use a tunnel, or record the public URL first: rhctl endpoint URL",
        )


def parse_origin(text: str, schemes: tuple[str, ...] = ("https",)) -> str:
    """Return an origin as `scheme://host[:port]`, lower-cased, without the scheme's default port.

    Raises:
        ValueError: it is something else.
    """
    wanted = f"an {schemes[0]} URL such as https://name.example.com"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _Bad(wanted) from None
    host = parts.hostname
    is_bare = parts.path in ("", "/") and not parts.query and not parts.fragment
    if parts.scheme not in schemes or not host or parts.username is not None or not is_bare:
        raise _Bad(wanted)
    if ":" in host:
        host = f"[{host}]"
    default = 443 if parts.scheme == "https" else 80
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, default) else "")


def read_file(path: str | None) -> dict[str, Any]:
    """Return the entries of a settings file; none if there is no file.

    Raises:
        StartRefused: it is no TOML, or holds a key that no setting has.
    """
    if path is None:
        return {}
    try:
        found = tomllib.loads(decode_text(_read_bytes(path)))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _unreadable(path, error) from None
    known = {s.name for s in TABLE}
    if unknown := sorted(set(found) - known):
        raise StartRefused(
            f"{path}: unknown setting {unknown[0]!r}",
            next_step=f"Take it out with: rhctl config unset {shlex.quote(unknown[0])}. Known: {_known()}",
        )
    return found


def write_file(path: str, name: str, value: Any) -> None:
    """Record one setting in the file, keeping every other byte; None takes it out.

    The file is replaced atomically, and a link to it written through. One that is no TOML is refused. A name that no
    setting has can be taken out, since it keeps a daemon from starting.

    Raises:
        StartRefused: the name or the value cannot be used, or the file cannot be read or written.
    """
    import tomlkit

    setting = next((s for s in TABLE if s.name == name), None)
    try:
        before = _read_bytes(path)
        found = tomllib.loads(decode_text(before))
    except FileNotFoundError:
        before, found = _HEADER, {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _unreadable(path, error) from None
    if setting is None and not (value is None and name in found):
        raise StartRefused(f"there is no setting {name!r}", next_step=f"Known settings: {_known()}")
    if setting is not None and value is not None:
        value = _parse(setting, value, "given")

    def change(text: str) -> str:
        document = tomlkit.parse(text)
        if value is None:
            document.pop(name, None)
        else:
            document[name] = list(value) if isinstance(value, tuple) else value
        return tomlkit.dumps(document)

    if value is None and name not in found:
        return
    folder = os.path.dirname(path)
    try:
        make_folders(folder)
        replace_file(path, change_text(before, change))
    except OSError as error:
        code = code_of_write(error, StartRefused.code)
        raise StartRefused(f"cannot write the settings file {path}: {error.strerror}", code=code) from error


def _read_bytes(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {s.name: text for s in TABLE if (text := environ.get("REPO_HARNESS_" + s.name.upper()))}


def _parse(setting: Setting, value: Any, origin: str) -> Any:
    try:
        return setting.parse(value)
    except ValueError as error:
        name = setting.name
        next_step = {
            "file": f"Correct it with: rhctl config set {name} VALUE, or take it out: rhctl config unset {name}",
            "environment": f"Correct REPO_HARNESS_{name.upper()}, then start again.",
        }.get(origin, "Correct the value, then try again.")
        raise StartRefused(
            f"{name} = {value!r} ({origin}) cannot be used: it is {error}", next_step=next_step
        ) from None


def _unreadable(path: str, error: Exception) -> StartRefused:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return StartRefused(f"cannot read the settings file {path}: {reason}", next_step="Correct it in an editor.")


def _known() -> str:
    return ", ".join(s.name for s in TABLE)
