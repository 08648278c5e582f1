"""The command line of `rhd`, and every check that can refuse a start, in order.

The lock comes first and needs few imports, so that of two daemons started at once the second one ends at once with a
message. The rooms of the daemon take longest to import and come last. By then the sockets listen, and a client that
connects waits in them.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from rhd.hosting.readiness import Readiness
from rhwire.errors import HarnessError
from rhwire.home import Home
from rhwire.lock import LockHeld, take_lock
from rhwire.start_report import write_report
from rhwire.version import VERSION

SWITCH_INTERVAL_S = 0.001
"""How long a worker thread runs Python before the event loop gets its turn. Python's default is 5 ms."""


def main(argv: Sequence[str]) -> int:
    """Run the daemon in the foreground until it is told to end; return the exit code."""
    flags = _parse(argv)
    try:
        home = Home.find(flags["home"])
        if flags["doctor"]:
            return _examine(home, flags)
        if flags["settings"] is not None:
            return _show_settings(home, flags)
        _run(home, flags)
    except HarnessError as error:
        if flags["settings"] is not None:
            print(json.dumps({"error": error.to_json()}))  # noqa: T201
        sys.stderr.write(f"rhd: {error.message}.{' ' if error.next_step else ''}{error.next_step}\n")
        return 1
    except BaseExceptionGroup as group:
        if (failure := _refusal_in(group)) is None:
            raise
        sys.stderr.write(f"rhd: {failure.message}.{' ' if failure.next_step else ''}{failure.next_step}\n")
        return 1
    except KeyboardInterrupt:  # before anything ran that would have to be drained
        return 130
    return 0


def _refusal_in(group: BaseExceptionGroup[BaseException]) -> HarnessError | None:
    """Return why the daemon ended itself, if it did so on purpose."""
    for error in group.exceptions:
        found = _refusal_in(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, HarnessError):
            return found
    return None


def _parse(argv: Sequence[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(
        prog="rhd",
        description="The repo-harness daemon, in the foreground. SIGTERM drains and ends it, SIGHUP reads its settings "
        "again. rhctl is its client.",
        epilog="example:\n  rhd --port 9000",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--home", metavar="FOLDER", help="where it lives, if not in the default home")
    parser.add_argument("--host", metavar="HOST", help="address of the HTTP port (127.0.0.1)")
    parser.add_argument("--port", metavar="PORT", help="the HTTP port (8765); 0 for any free one")
    parser.add_argument("--config", metavar="FILE", help="settings file, if not the one that the home names")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--doctor", action="store_true", help="examine the installation, print findings, and end")
    # What `rhctl config` asks while no daemon runs: record a setting if one is given (`NAME=` takes it out), print all.
    instead.add_argument("--settings", nargs="?", const="", help=argparse.SUPPRESS)
    parser.add_argument("--version", action="version", version=f"rhd {VERSION}")
    return vars(parser.parse_args(argv))


def _examine(home: Home, flags: Mapping[str, Any]) -> int:
    from rhd.doctor.installation import examine_installation

    findings = examine_installation(home, flags, os.environ)
    print(json.dumps({"findings": [f.to_json(home.client()) for f in findings]}))  # noqa: T201
    return 0


def _show_settings(home: Home, flags: Mapping[str, Any]) -> int:
    """Print paths and settings as a start here and now would have them; unless one is recorded, nothing is made."""
    from rhd.errors import StartRefused
    from rhd.file_locations import find_locations, look_up_locations
    from rhd.settings import Settings, write_file

    name, equals, value = flags["settings"].partition("=")
    if name and not equals:
        raise StartRefused(f"{name} is given no value", next_step=f"Write it as {name}=VALUE; {name}= takes it out.")
    if equals:
        home.prepare()
    locations = find_locations(home) if equals else look_up_locations(home)
    config = _config(flags, locations.config)
    if equals:
        write_file(config, name, value or None)
    settings = Settings.load(config, os.environ, flags)
    found = {"config": config, "database": locations.database, "logs": locations.logs, "settings": settings.to_json()}
    print(json.dumps(found))  # noqa: T201
    return 0


def _config(flags: Mapping[str, Any], recorded: str) -> str:
    return os.path.abspath(flags["config"]) if flags["config"] else recorded


def _run(home: Home, flags: Mapping[str, Any]) -> None:
    readiness = Readiness.from_environment()
    readiness.status("starting")
    try:
        with ExitStack() as stack:
            try:
                run = _open(home, flags, readiness, stack)
            except LockHeld:
                raise
            except HarnessError as error:  # while the lock is held, so that clients that wait for it find the reason
                write_report(home, error)
                raise
            sys.setswitchinterval(SWITCH_INTERVAL_S)
            run()
    except HarnessError as error:
        readiness.status(error.message)  # `systemctl status` and `rhctl service` show why
        raise


def _open(home: Home, flags: Mapping[str, Any], readiness: Readiness, stack: ExitStack) -> Callable[[], None]:
    """Open what must be open before anything runs; return what runs until the daemon has drained."""
    home.prepare()
    lock = take_lock(home.lock)  # before the sockets: its holder may replace a stale one
    stack.callback(os.close, lock)

    from rhd.file_locations import find_locations
    from rhd.hosting.descriptors import forbid_core_files, raise_descriptor_limit
    from rhd.hosting.last_resort import LastResort
    from rhd.hosting.sockets import bind_control, bind_http, inherited
    from rhd.logs import set_up_logging
    from rhd.settings import Settings, check_host

    raise_descriptor_limit()
    forbid_core_files()
    locations = find_locations(home)
    config = _config(flags, locations.config)
    settings = Settings.load(config, os.environ, flags)
    ring = set_up_logging(settings.log_level, home.log)
    held = inherited(home.socket)
    for sock in held.get("http", ()):  # the unit may say otherwise than the settings
        settings = settings.on_socket(*sock.getsockname()[:2])
        check_host(settings.host, settings.public_url)
    bound = None if "control" in held else bind_control(home.socket)
    if bound is not None:
        stack.callback(bound.socket.close)
        stack.callback(bound.remove)
    http = held.get("http") or bind_http(settings.host, settings.port)

    from rhd.store.database import Store

    store = Store.open(locations.database)

    # What is imported lives as long as the process: collecting amid the imports costs an eighth of their time, and
    # looking through it all in every full collection would hold up whatever is being answered.
    gc.disable()
    try:
        import trio

        from rhd.app import Daemon
    finally:
        gc.enable()

    daemon = Daemon(
        home,
        locations,
        settings,
        config,
        flags,
        store,
        readiness,
        control_sockets=held["control"] if bound is None else [bound.socket],
        http_sockets=http,
        is_held="http" in held,
        release_control=None if bound is None else bound.remove,
        last_resort=LastResort(stack.close),
        log_ring=ring,
    )
    gc.freeze()
    # A full collection looks through everything that is open: under a flood of connections it holds the loop for 0.1 s.
    gc.set_threshold(700, 10, 200)
    return partial(trio.run, daemon.run, restrict_keyboard_interrupt_to_checkpoints=True)
