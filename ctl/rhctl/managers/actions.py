"""What `rhctl service` does, with any service manager, or with a detached daemon where there is none."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, NamedTuple

from rhctl.client import DaemonClient
from rhctl.client_settings import ask_settings
from rhctl.daemon_start import daemon_program, import_path, wait_for_daemon
from rhctl.errors import NoDaemon
from rhctl.managers.detection import find_manager
from rhctl.managers.manager import Manager, State
from rhctl.managers.steps import Detach, End, Record, Step, perform
from rhctl.managers.unit_files import Spec
from rhctl.port_probe import is_port_taken
from rhwire.errors import HarnessError
from rhwire.home import ENVIRONMENT_NAME, Home
from rhwire.lock import ask_lock

if TYPE_CHECKING:
    from typing import Any

PROGRAMS = ("git", "codex", "claude")
ANSWER_WITHIN_S = 5.0


class Subject(NamedTuple):
    """What an action is about.

    Attributes:
        home: the home that was named; else the one that the installed service serves; else the default one.
        installed: the service, if one is installed.
    """

    manager: Manager
    home: Home
    installed: Spec | None

    @property
    def service(self) -> Spec | None:
        """The service that is installed for this very home; None if it is served by a detached daemon, if at all."""
        is_ours = self.installed is not None and self.installed.home.socket == self.home.socket
        return self.installed if is_ours else None


def find_subject(flag: str | None) -> Subject:
    """Return what `--home`, or its absence, means here."""
    manager = find_manager()
    installed = manager.installed()
    if installed is not None and flag is None and not os.environ.get(ENVIRONMENT_NAME):
        return Subject(manager, installed.home, installed)
    return Subject(manager, Home.find(flag), installed)


# Plans.


def plan_install(subject: Subject, port: int | None, *, is_dry: bool = False) -> tuple[Spec, list[Step]]:
    """Return the service as it is to be, and the steps to it; none if it is so already.

    Args:
        port: to be recorded in the settings first; None takes what they say.
        is_dry: nothing will be done; where the manager cannot be reached, the files are planned nevertheless.

    Raises:
        HarnessError: SERVICE_UNAVAILABLE, SERVICE_INSTALLED for another home, PORT_IN_USE, or settings that cannot
            be used.
    """
    home, installed, unreachable = subject.home, subject.installed, find_unreachable(subject.manager)
    if unreachable is not None and not is_dry:
        raise unreachable
    if installed is not None and subject.service is None:
        raise HarnessError(
            f"a service is installed for the home {installed.home.base}",
            code="SERVICE_INSTALLED",
            next_step=f"Uninstall that one first: rhctl service uninstall --home {installed.home.base}",
        )
    spec, steps = _with_port(_spec(home), port)
    if spec.port == 0:
        raise HarnessError(
            "the settings leave the port open, and a service has to have one",
            code="INVALID_ARGUMENT",
            next_step="Name one: rhctl service install --port 8765",
        )
    if unreachable is not None:
        return spec, [*steps, *subject.manager.plan_files(spec)]
    state = subject.manager.state()
    _check_port(subject, spec, state)
    return spec, steps + subject.manager.plan_install(spec, _handover(home, state))


def plan_uninstall(subject: Subject) -> list[Step]:
    """Return the steps that remove the service; none if there is none for this home."""
    return subject.manager.plan_uninstall() if subject.service is not None else []


def plan_start(subject: Subject, port: int | None) -> list[Step]:
    """Return the steps that start the service, or a detached daemon where none is installed.

    Raises:
        HarnessError: DAEMON_RUNNING, a daemon that is not the service serves its home.
    """
    if subject.service is None:
        if (pid := ask_lock(subject.home.lock)) is None:
            return [*_record(subject.home, port), Detach(subject.home)]
        if port is not None and not str(ask_url(subject.home)).endswith(f":{port}"):
            raise HarnessError(
                f"process {pid} serves {subject.home.base} already, on another port",
                code="DAEMON_RUNNING",
                next_step=f"Let a new one take over: rhctl service restart --port {port}",
            )
        return []
    subject.manager.check()
    if handover := _handover(subject.home, subject.manager.state()):
        raise HarnessError(
            f"process {handover[0].pid} serves {subject.home.base}, and it is not the service",
            code="DAEMON_RUNNING",
            next_step="Let the service take over, which ends it first: rhctl service restart",
        )
    spec, steps = _with_port(_current(subject.service), port)
    return steps + subject.manager.plan_start(spec)


def plan_stop(subject: Subject) -> list[Step]:
    """Return the steps after which no daemon serves the home, and no connection starts one."""
    if subject.service is None:
        return list(_handover(subject.home, None))
    subject.manager.check()
    return [*subject.manager.plan_stop(), *_handover(subject.home, subject.manager.state())]


def plan_restart(subject: Subject, port: int | None) -> list[Step]:
    """Return the steps that let a new daemon take over, as the settings now are."""
    if subject.service is None:
        return [*_handover(subject.home, None), *_record(subject.home, port), Detach(subject.home)]
    subject.manager.check()
    handover = _handover(subject.home, subject.manager.state())
    spec, steps = _with_port(_current(subject.service), port)
    return steps + subject.manager.plan_restart(spec, handover)


def _record(home: Home, port: int | None) -> list[Step]:
    return [] if port is None else [Record(home, "port", str(port))]


def _with_port(spec: Spec, port: int | None) -> tuple[Spec, list[Step]]:
    """Return the service with another port, and the step that records it."""
    if port is None or port == spec.port:
        return spec, []
    return spec._replace(port=port), _record(spec.home, port)


def _spec(home: Home) -> Spec:
    """Return the service as this shell would install it."""
    settings = ask_settings(home)["settings"]
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    path = os.pathsep.join(dict.fromkeys(folder for folder in folders if folder.startswith("/")))
    host, port = settings["host"]["value"], settings["port"]["value"]
    return Spec(tuple(daemon_program()), home, host, port, path, import_path())


def _current(installed: Spec) -> Spec:
    """Return the installed service with the address that the settings now have."""
    settings = ask_settings(installed.home)["settings"]
    host, port = settings["host"]["value"], settings["port"]["value"]
    return installed._replace(host=host, port=port or installed.port)


def _handover(home: Home, state: State | None) -> tuple[End, ...]:
    """Return what ends the daemon that serves `home` without being the service, if there is one."""
    pid = ask_lock(home.lock)
    return () if pid is None or (state is not None and pid == state.pid) else (End(home, pid),)


def _check_port(subject: Subject, spec: Spec, state: State) -> None:
    """Refuse a port that another program listens on.

    Raises:
        HarnessError: PORT_IN_USE.
    """
    is_held = subject.service is not None and subject.service.url == spec.url and state.sockets == "active"
    if is_held or ask_url(spec.home) == spec.url:
        return
    if is_port_taken(spec.host, spec.port):
        raise HarnessError(
            f"another program listens on port {spec.port}",
            code="PORT_IN_USE",
            next_step="Stop it, or choose another port: rhctl service install --port PORT",
        )


# Carrying them out.


def carry_out(subject: Subject, steps: list[Step]) -> None:
    """Do what was planned.

    Raises:
        HarnessError: a step failed; SERVICE_FAILED says why the service did not start, if that is known.
    """
    if steps:
        subject.home.prepare()  # before the manager makes its folder, for the sockets, in its own way
    for step in steps:
        try:
            perform(step, subject.manager.environ)
        except HarnessError as error:
            if error.code != "SERVICE_FAILED":
                raise
            raise explain(subject.manager, error.message) from error


def explain(manager: Manager, message: str) -> HarnessError:
    """Return why the service does not run, in its own words where it said any; else `message`."""
    problem = manager.state().problem
    return HarnessError(
        f"the service did not start: {problem}" if problem else message,
        code="SERVICE_FAILED",
        next_step=f"Correct it, then: rhctl service start. What it says: {manager.log_command()}",
    )


def ask_daemon(home: Home) -> dict[str, Any]:
    """Return what the daemon says of itself, once it serves.

    Raises:
        NoDaemon: it does not.
    """
    client = wait_for_daemon(home, None)
    try:
        found: dict[str, Any] = client.call("status")["daemon"]
        return found
    finally:
        client.close()


def ask_url(home: Home) -> str | None:
    """Return the local origin of the daemon that serves `home` now; None if none does, or it does not answer."""
    if ask_lock(home.lock) is None:
        return None
    try:
        client = DaemonClient.connect(home)
        client.sock.settimeout(ANSWER_WITHIN_S)
        try:
            return str(client.call("status")["daemon"]["url"])
        finally:
            client.close()
    except (NoDaemon, HarnessError):
        return None


def find_unreachable(manager: Manager) -> HarnessError | None:
    """Return why the manager cannot be reached; None if it can."""
    try:
        manager.check()
    except HarnessError as error:
        return error
    return None


def find_drift(service: Spec) -> str | None:
    """Return what the settings say otherwise than the service, or what is wrong with them; None if nothing is."""
    try:
        wanted = _current(service)
    except HarnessError as error:
        return error.message
    return None if wanted.url == service.url else f"the settings name another address, {wanted.url}"


def missing_programs(path: str) -> list[str]:
    """Return which of the workflow's programs a PATH does not have."""
    return [name for name in PROGRAMS if shutil.which(name, path=path) is None]
