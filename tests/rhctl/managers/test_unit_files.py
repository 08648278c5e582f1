"""The unit files as rendered, judged by systemd itself where it is installed, and by launchd's rules."""

from __future__ import annotations

import configparser
import json
import os
import plistlib
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import rhctl.managers.unit_files
from rhctl.managers.unit_files import (
    LAUNCHD_LABEL,
    SYSTEMD_UNITS,
    Spec,
    parse_plist,
    parse_systemd,
    render_plist,
    render_systemd,
)
from rhwire.errors import HarnessError
from rhwire.home import Home

ROOT = Path(__file__).resolve().parents[3]

# Names that a unit file or a plist would take for something else.
AWKWARD = ["plain", "with space", "100%s", "$HOME", "a&b<c>", "é…", "@PATH@"]
UNSTARTABLE = ['quo"te', "it's", "back\\slash"]


@pytest.fixture(params=AWKWARD)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder: Path = tmp_path / request.param
    folder.mkdir()
    return folder


@pytest.fixture
def program(folder: Path) -> str:
    program = folder / "rhd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return str(program)


def make_spec(program: str, folder: Path, **changes: Any) -> Spec:
    return Spec((program,), Home(str(folder)), "127.0.0.1", 8765, f"{folder}:/bin")._replace(**changes)


def parse(text: str) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(interpolation=None, strict=True, delimiters=("=",), comment_prefixes=("#",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    _, *further = re.findall(r"^ListenStream=.*\n", text, re.MULTILINE) or [""]
    for line in further:  # systemd collects them; this parser would refuse a key that stands twice
        text = text.replace(line, "")
    unit.read_string(text)
    return unit


def listened_on(text: str) -> list[str]:
    """Return every address of a socket unit."""
    return re.findall(r"^ListenStream=(.*)$", text, re.MULTILINE)


# systemd.


@pytest.fixture(scope="module")
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not installed")
    return found


def test_systemd_has_nothing_to_say_against_the_units(analyze: str, program: str, folder: Path, tmp_path: Path) -> None:
    units = tmp_path / "units"
    units.mkdir()
    for name, text in render_systemd(make_spec(program, folder)).items():
        (units / name).write_text(text)
    done = subprocess.run(
        [analyze, "--user", "verify", *(str(units / name) for name in SYSTEMD_UNITS)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_LOG_LEVEL": "warning"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = [line for line in done.stderr.splitlines() if str(units) in line or "rhd" in line]
    assert (done.returncode, said) == (0, [])


def test_verifying_finds_what_is_wrong(analyze: str, tmp_path: Path) -> None:
    """Or the test above could not fail."""
    unit = tmp_path / "rhd.service"
    unit.write_text("[Service]\nExecStart=/nowhere/rhd\nBogus=yes\n")
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(
        [analyze, "--user", "verify", str(unit)], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "Bogus" in done.stderr


@pytest.mark.parametrize("name", [*AWKWARD, *UNSTARTABLE])
def test_the_program_the_home_and_the_path_arrive_as_they_are(tmp_path: Path, name: str) -> None:
    home, program = tmp_path / name, ["/bin/python3", "-m", f"/opt/{name}"]
    units = render_systemd(Spec(tuple(program), Home(str(home)), "::1", 1, f"/{name}:/bin"))
    service = parse(units["rhd.service"])["Service"]
    assert service["ExecStart"][0] == ":"  # no variables are looked for
    assert unquote(service["ExecStart"][1:]) == [*program, "--home", str(home)]
    assert unquote(service["Environment"]) == [f"PATH=/{name}:/bin"]


def unquote(text: str) -> list[str]:
    """Undo systemd.syntax(7): specifiers doubled, words in double quotes."""
    return shlex.split(text.replace("%%", "%"))


@pytest.mark.parametrize("name", UNSTARTABLE)
def test_a_program_that_systemd_would_not_start_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(HarnessError) as refused:
        render_systemd(make_spec(f"/opt/{name}/rhd", tmp_path))
    assert refused.value.code == "INVALID_ARGUMENT"


def test_the_sockets_are_where_every_client_looks_for_them(program: str, folder: Path) -> None:
    units = render_systemd(make_spec(program, folder))
    control, http = parse(units["rhd.socket"])["Socket"], parse(units["rhd-http.socket"])["Socket"]
    assert control["ListenStream"].replace("%%", "%") == Home(str(folder)).socket
    assert (control["FileDescriptorName"], control["SocketMode"]) == ("control", "0600")
    assert listened_on(units["rhd-http.socket"]) == ["127.0.0.1:8765", "[::1]:8765"]
    assert (http["FileDescriptorName"], http["FreeBind"]) == ("http", "yes")
    assert http["Service"] == "rhd.service"


@pytest.mark.parametrize(
    ("host", "listen"),
    [
        ("localhost", ["127.0.0.1:99", "[::1]:99"]),
        ("127.0.0.1", ["127.0.0.1:99", "[::1]:99"]),
        ("::1", ["[::1]:99"]),
        ("127.0.0.2", ["127.0.0.2:99"]),
    ],
)
def test_the_port_is_named_as_systemd_reads_it(tmp_path: Path, host: str, listen: list[str]) -> None:
    units = render_systemd(make_spec("/bin/rhd", tmp_path, host=host, port=99))
    assert listened_on(units["rhd-http.socket"]) == listen


def test_a_home_too_deep_for_a_socket_has_it_elsewhere(tmp_path: Path) -> None:
    home = Home(str(tmp_path / ("a" * 120)))
    units = render_systemd(make_spec("/bin/rhd", tmp_path, home=home))
    assert parse(units["rhd.socket"])["Socket"]["ListenStream"] == home.socket
    assert home.socket.startswith("/tmp/")


def test_the_service_is_told_ready_watched_and_limited(tmp_path: Path) -> None:
    unit = parse(render_systemd(make_spec("/bin/rhd", tmp_path))["rhd.service"])
    service = unit["Service"]
    assert (service["Type"], service["NotifyAccess"]) == ("notify", "main")
    assert (service["Restart"], service["WatchdogSec"]) == ("on-failure", "30")
    assert service["Sockets"].split() == ["rhd.socket", "rhd-http.socket"]
    assert (unit["Unit"]["StartLimitBurst"], unit["Unit"]["StartLimitIntervalSec"]) == ("5", "60")
    assert "HUP" in service["ExecReload"]


# What an unprivileged manager cannot do, or what agents and writes into repositories need.
HARMFUL = {
    "DynamicUser", "MemoryDenyWriteExecute", "MemoryMax", "PrivateDevices", "PrivateTmp", "PrivateUsers",
    "ProtectHome", "ProtectSystem", "ReadOnlyPaths", "RestrictNamespaces", "RestrictSUIDSGID", "StateDirectory",
    "SystemCallFilter", "UMask",
}  # fmt: skip


def test_nothing_keeps_agents_or_writes_from_working(tmp_path: Path) -> None:
    service = parse(render_systemd(make_spec("/bin/rhd", tmp_path))["rhd.service"])["Service"]
    assert not HARMFUL & set(service)


def test_each_restriction_says_why() -> None:
    lines = (ROOT / "systemd" / "rhd.service").read_text().splitlines()
    for number, line in enumerate(lines):
        if line.startswith(("NoNewPrivileges", "Restrict", "Limit", "OOM", "Kill", "Watchdog", "Timeout")):
            assert lines[number - 1].startswith("# "), line


# launchd.


def plist(program: str, folder: Path, **more: Any) -> Any:
    return plistlib.loads(render_plist(make_spec(program, folder, **more)).encode())


def test_the_agent_keeps_launchd_s_rules(program: str, folder: Path) -> None:
    agent = plist(program, folder)
    assert agent["Label"] == LAUNCHD_LABEL
    assert (ROOT / "launchd" / f"{agent['Label']}.plist").is_file()
    assert agent["ProgramArguments"] == [program, "--home", str(folder)]
    assert os.path.isabs(agent["ProgramArguments"][0])
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["RunAtLoad"] is True
    assert agent["EnvironmentVariables"] == {"PATH": f"{folder}:/bin"}
    assert agent["StandardErrorPath"] == agent["StandardOutPath"] == str(folder / "rhd.log")
    assert type(agent["ExitTimeOut"]) is int
    assert type(agent["SoftResourceLimits"]["NumberOfFiles"]) is int


def test_the_agent_s_sockets_are_those_that_the_daemon_asks_for(program: str, folder: Path) -> None:
    sockets = plist(program, folder)["Sockets"]
    assert sockets["control"] == {"SockPathName": Home(str(folder)).socket, "SockPathMode": 0o600}
    assert sockets["http"] == {"SockNodeName": "localhost", "SockServiceName": "8765", "SockType": "stream"}


def test_no_core_file_is_written(program: str, folder: Path) -> None:
    assert plist(program, folder)["HardResourceLimits"] == {"Core": 0}
    assert parse(render_systemd(make_spec(program, folder))["rhd.service"])["Service"]["LimitCORE"] == "0"


def test_launchd_gets_no_path_that_it_would_have_to_expand(tmp_path: Path) -> None:
    assert "~" not in render_plist(make_spec("/bin/rhd", tmp_path))


# Both.


@pytest.mark.parametrize("name", [*AWKWARD, *UNSTARTABLE])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_what_was_written_is_read_back(tmp_path: Path, name: str, host: str) -> None:
    """Or a restart on another port would lose what install has found out."""
    home = Home(str(tmp_path / name))
    spec = Spec(("/bin/python3", "-m", f"/{name}"), home, host, 99, f"/{name}:/bin", f"/{name}")
    for back in (parse_systemd(render_systemd(spec)), parse_plist(render_plist(spec))):
        assert back == spec
        assert (back.home.base, back.home.socket, back.home.is_default) == (home.base, home.socket, False)


def test_the_default_home_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/h")
    monkeypatch.setenv("REPO_HARNESS_HOME", "/elsewhere")  # of the shell that asks, not of the service
    spec = Spec(("/bin/rhd",), Home.find(None, {"HOME": "/h"}), "127.0.0.1", 99, "/bin")
    assert spec.command == ("/bin/rhd",)
    for back in (parse_systemd(render_systemd(spec)), parse_plist(render_plist(spec))):
        assert (back.home.base, back.home.is_default) == (spec.home.base, True)


@pytest.mark.parametrize("text", ["", "[Service]\nExecStart=/usr/bin/other\n", "ExecStart=:\nEnvironment=\n", "\0"])
def test_units_of_somebody_else_are_not_taken_for_ours(text: str) -> None:
    for parse in (lambda: parse_systemd({"rhd.service": text, "rhd-http.socket": text}), lambda: parse_plist(text)):
        with pytest.raises(HarnessError) as refused:
            parse()
        assert refused.value.code == "SERVICE_INSTALLED"


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_no_unit_can_name_is_refused(tmp_path: Path, port: int) -> None:
    with pytest.raises(HarnessError) as refused:
        render_systemd(make_spec("/bin/rhd", tmp_path, port=port))
    assert refused.value.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize("where", ["program", "path", "home", "python_path"])
def test_a_newline_cannot_begin_another_line_of_a_unit(tmp_path: Path, where: str) -> None:
    bad = "/a\nExecStartPre=/bin/evil"
    values: dict[str, Any] = {"program": (bad,), "path": bad, "home": Home(bad), "python_path": bad}
    spec = make_spec("/bin/rhd", tmp_path)._replace(**{where: values[where]})
    for render in (render_systemd, render_plist):
        with pytest.raises(HarnessError) as refused:
            render(spec)
        assert refused.value.code == "INVALID_ARGUMENT"


def test_a_program_is_named_absolutely(tmp_path: Path) -> None:
    with pytest.raises(HarnessError):
        render_systemd(make_spec("rhd", tmp_path))


def test_every_word_is_filled_in(tmp_path: Path) -> None:
    spec = make_spec("/bin/rhd", tmp_path)
    for text in [*render_systemd(spec).values(), render_plist(spec)]:
        assert not re.search("@[A-Z]+@", text)


def test_a_checkout_is_read_where_it_lies(tmp_path: Path) -> None:
    """What an editable install runs from; nothing is copied that could grow old."""
    assert not (Path(rhctl.__file__).parent / "units").exists()
    folders = {"systemd": list(SYSTEMD_UNITS), "launchd": [f"{LAUNCHD_LABEL}.plist"]}
    for folder, names in folders.items():
        assert sorted(path.name for path in (ROOT / folder).iterdir()) == sorted(names)
        for name in names:
            assert rhctl.managers.unit_files._read(folder, name) == (ROOT / folder / name).read_text()


RENDER = """
import json, sys
sys.path[:] = [sys.argv[1], *(path for path in sys.path if path.endswith(("lib-dynload", sys.argv[2])))]
from rhctl.managers.unit_files import Spec, render_plist, render_systemd
from rhwire.home import Home
spec = Spec(("/bin/rhd",), Home("/h"), "127.0.0.1", 8765, "/bin")
print(json.dumps({**render_systemd(spec), "plist": render_plist(spec)}))
"""


def test_a_wheel_brings_the_same_templates(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    assert {path.name for path in installed.iterdir() if "-" not in path.name} == {"rhctl", "rhd", "rhwire"}
    library = os.path.basename(os.path.dirname(os.__file__))
    done = subprocess.run(
        [sys.executable, "-IS", "-c", RENDER, str(installed), library],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    spec = Spec(("/bin/rhd",), Home("/h"), "127.0.0.1", 8765, "/bin")
    assert json.loads(done.stdout) == {**render_systemd(spec), "plist": render_plist(spec)}
