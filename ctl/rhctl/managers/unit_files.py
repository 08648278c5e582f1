"""The service's unit files, for one user: systemd's three, launchd's one. Written from `Spec`, and read back into it.

The templates are `systemd/` and `launchd/` of the project. In an installed package they lie in `rhctl/units/`; an
editable install reads them from the checkout.
"""

from __future__ import annotations

import os
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape as escape_xml

from rhwire.errors import HarnessError
from rhwire.home import Home

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SYSTEMD_UNITS = ("rhd.service", "rhd.socket", "rhd-http.socket")
LAUNCHD_LABEL = "dev.repo-harness.rhd"

_WORD = re.compile(r"@([A-Z]+)@")


class Spec(NamedTuple):
    """What a service's files say.

    Attributes:
        program: absolute path of `rhd`, or of an interpreter and what it is to run; `--home` is added if need be.
        home: the home that it serves.
        host: an address, or `localhost` for 127.0.0.1.
        port: not 0: a unit has to name it.
        path: the PATH that the daemon and its agents get.
        python_path: PYTHONPATH, for a checkout that is not installed; mostly empty.
    """

    program: tuple[str, ...]
    home: Home
    host: str
    port: int
    path: str
    python_path: str = ""

    @property
    def url(self) -> str:
        """The origin that it serves on this machine."""
        return f"http://{_join(_address(self.host), self.port)}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that it sets."""
        variables = {"PATH": self.path, "PYTHONPATH": self.python_path}
        return {name: value for name, value in variables.items() if value}

    @property
    def command(self) -> tuple[str, ...]:
        """The whole command line."""
        return self.program if self.home.is_default else (*self.program, "--home", self.home.base)


# Written.


def render_systemd(spec: Spec) -> dict[str, str]:
    """Return the text of each user unit by its name.

    Raises:
        HarnessError: INVALID_ARGUMENT, a value that no unit can hold.
    """
    _check(spec)
    if any(c in spec.program[0] for c in "\"'\\"):
        raise HarnessError("systemd starts no program whose path holds a quote or a backslash", code="INVALID_ARGUMENT")
    words = {
        "COMMAND": " ".join(map(_quote, spec.command)),
        "ENVIRONMENT": " ".join(_quote(f"{name}={value}") for name, value in spec.environment.items()),
        "LISTEN": "\n".join(f"ListenStream={_join(address, spec.port)}" for address in _addresses(spec.host)),
        "SOCKET": spec.home.socket.replace("%", "%%"),
    }
    return {name: _fill(_read("systemd", name), words) for name in SYSTEMD_UNITS}


def render_plist(spec: Spec) -> str:
    """Return the text of the launchd agent; it logs to the home's own file.

    Raises:
        HarnessError: INVALID_ARGUMENT, as for systemd.
    """
    _check(spec)
    words = {
        "COMMAND": "\n".join(f"\t\t<string>{escape_xml(part)}</string>" for part in spec.command),
        "ENVIRONMENT": "\n".join(
            f"\t\t<key>{name}</key>\n\t\t<string>{escape_xml(value)}</string>"
            for name, value in spec.environment.items()
        ),
        # launchd listens on every address of a name.
        "HOST": "localhost" if len(_addresses(spec.host)) > 1 else escape_xml(spec.host),
        "LOG": escape_xml(spec.home.log),
        "PORT": str(spec.port),
        "SOCKET": escape_xml(spec.home.socket),
    }
    return _fill(_read("launchd", f"{LAUNCHD_LABEL}.plist"), words)


# Read back.


def parse_systemd(texts: Mapping[str, str]) -> Spec:
    """Return what installed units say, by the text of each.

    Raises:
        HarnessError: SERVICE_INSTALLED, these are not ours.
    """
    try:
        service, http = texts["rhd.service"], texts["rhd-http.socket"]
        command = _unquote(_entry(service, "ExecStart").removeprefix(":"))
        variables = dict(word.partition("=")[::2] for word in _unquote(_entry(service, "Environment")))
        host, _, port = _entries(http, "ListenStream")[0].rpartition(":")
        return _parse(command, variables, host.strip("[]"), port)
    except (KeyError, ValueError, IndexError) as error:
        raise _foreign("rhd.service") from error


def parse_plist(text: str) -> Spec:
    """Return what an installed agent says.

    Raises:
        HarnessError: SERVICE_INSTALLED, it is not ours.
    """
    import plistlib
    from xml.parsers.expat import ExpatError

    try:
        agent = plistlib.loads(text.encode())
        http = agent["Sockets"]["http"]
        command, variables = agent["ProgramArguments"], agent["EnvironmentVariables"]
        return _parse(command, variables, _address(http["SockNodeName"]), http["SockServiceName"])
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, ExpatError) as error:
        raise _foreign(f"{LAUNCHD_LABEL}.plist") from error


def _parse(command: Sequence[str], variables: Mapping[str, str], host: str, port: str) -> Spec:
    program, named = list(command), None
    if program[-2:-1] == ["--home"]:
        named = program.pop()
        program.pop()
    # The home that the service itself finds: it knows HOME, and no variable of this shell.
    home = Home.find(named, {"HOME": os.environ.get("HOME", "")})
    return Spec(tuple(program), home, host, int(port), variables["PATH"], variables.get("PYTHONPATH", ""))


def _foreign(name: str) -> HarnessError:
    return HarnessError(
        f"there is a {name} that repo-harness has not written, or that was changed beyond recognition",
        code="SERVICE_INSTALLED",
        next_step="Look at it, and remove it if nothing needs it.",
    )


def _entry(unit: str, name: str) -> str:
    (found,) = _entries(unit, name)
    return found


def _entries(unit: str, name: str) -> list[str]:
    return [str(found).replace("%%", "%") for found in re.findall(f"^{name}=(.*)$", unit, re.MULTILINE)]


def _address(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host


def _addresses(host: str) -> tuple[str, ...]:
    """Return what is listened on: both loopback addresses for the usual one, as `rhd` itself does."""
    return ("127.0.0.1", "::1") if _address(host) == "127.0.0.1" else (host,)


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _quote(text: str) -> str:
    """Quote one word as systemd.syntax(7) has it; `%` would begin a specifier."""
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%")):
        text = text.replace(plain, escaped)
    return f'"{text}"'


def _unquote(text: str) -> list[str]:
    """Return the words that `_quote` quoted; `%` is single already."""
    return [re.sub(r"\\(.)", r"\1", word) for word in re.findall(r'"((?:[^"\\]|\\.)*)"', text)]


def _check(spec: Spec) -> None:
    values = (*spec.command, spec.home.base, spec.home.socket, spec.host, *spec.environment.values())
    if not all(value.isprintable() for value in values):
        raise HarnessError("a path holds a control character; no unit can name it", code="INVALID_ARGUMENT")
    if not spec.program[0].startswith("/") or not 1 <= spec.port <= 65535:
        raise HarnessError("a unit names an absolute program and a port from 1 to 65535", code="INVALID_ARGUMENT")


def _fill(template: str, words: Mapping[str, str]) -> str:
    return _WORD.sub(lambda match: words[match[1]], template)


def _read(folder: str, name: str) -> str:
    packaged = resources.files("rhctl") / "units" / folder / name
    if packaged.is_file():
        return packaged.read_text("utf-8")
    return (Path(__file__).parents[3] / folder / name).read_text("utf-8")
