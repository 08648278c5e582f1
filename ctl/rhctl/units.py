"""The service's unit files, rendered for one user: systemd's three, launchd's one.

The templates are `systemd/` and `launchd/` of the project. In an installed package they lie in `rhctl/units/`; an
editable install reads them from the checkout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from xml.sax.saxutils import escape as escape_xml

from rhwire.errors import HarnessError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rhwire.home import Home

SYSTEMD_UNITS = ("rhd.service", "rhd.socket", "rhd-http.socket")
LAUNCHD_LABEL = "dev.repo-harness.rhd"

_WORD = re.compile(r"@([A-Z]+)@")


def render_systemd(*, program: Sequence[str], home: Home, host: str, port: int, path: str) -> dict[str, str]:
    """Return the text of each user unit by its name.

    Args:
        program: absolute path of `rhd`, or of an interpreter and what it is to run; `--home` is added.
        home: the home that it serves.
        host: an address, or `localhost` for 127.0.0.1.
        port: not 0: a unit has to name it.
        path: the PATH that the daemon and its agents get.

    Raises:
        HarnessError: INVALID_ARGUMENT, a value that no unit can hold.
    """
    _check(program, home, host, port, path)
    if any(c in program[0] for c in "\"'\\"):
        raise HarnessError("systemd starts no program whose path holds a quote or a backslash", code="INVALID_ARGUMENT")
    words = {
        "ADDRESS": f"[{host}]:{port}" if ":" in host else f"{_address(host)}:{port}",
        "COMMAND": " ".join(_quote(part) for part in (*program, "--home", home.base)),
        "PATH": _quote(f"PATH={path}"),
        "SOCKET": home.socket.replace("%", "%%"),
    }
    return {name: _fill(_read("systemd", name), words) for name in SYSTEMD_UNITS}


def render_plist(*, program: Sequence[str], home: Home, host: str, port: int, path: str, log: str) -> str:
    """Return the text of the launchd agent; `log` is the absolute path of a file in a folder that exists.

    The other arguments and the errors are those of `render_systemd`.
    """
    _check(program, home, host, port, path, log)
    words = {
        "COMMAND": "\n".join(f"\t\t<string>{escape_xml(part)}</string>" for part in (*program, "--home", home.base)),
        "HOST": escape_xml(_address(host)),
        "LOG": escape_xml(log),
        "PATH": escape_xml(path),
        "PORT": str(port),
        "SOCKET": escape_xml(home.socket),
    }
    return _fill(_read("launchd", f"{LAUNCHD_LABEL}.plist"), words)


def _address(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host


def _quote(text: str) -> str:
    """Quote one word as systemd.syntax(7) has it; `%` would begin a specifier."""
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%")):
        text = text.replace(plain, escaped)
    return f'"{text}"'


def _check(program: Sequence[str], home: Home, host: str, port: int, *texts: str) -> None:
    values = (*program, home.base, home.socket, host, *texts)
    if not all(value.isprintable() for value in values):
        raise HarnessError("a path holds a control character; no unit can name it", code="INVALID_ARGUMENT")
    if not program[0].startswith("/") or not 1 <= port <= 65535:
        raise HarnessError("a unit names an absolute program and a port from 1 to 65535", code="INVALID_ARGUMENT")


def _fill(template: str, words: Mapping[str, str]) -> str:
    return _WORD.sub(lambda match: words[match[1]], template)


def _read(folder: str, name: str) -> str:
    packaged = resources.files("rhctl") / "units" / folder / name
    if packaged.is_file():
        return packaged.read_text("utf-8")
    return (Path(__file__).parents[2] / folder / name).read_text("utf-8")
