"""What the client examines itself, for the doctor: the service, the way of remote clients, and clients' own files."""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.request

from rhwire.errors import HarnessError
from rhwire.findings import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from rhwire.home import Home

WITHIN_S = 5.0
MAX_BYTES = 1 << 16
METADATA = "/.well-known/oauth-authorization-server"


def examine_service(home: Home) -> Iterator[Finding]:
    """Yield what the service manager knows of the daemon's service."""
    from rhctl.managers import actions
    from rhctl.managers.description import describe

    try:
        found = describe(actions.find_subject(home.base))
    except HarnessError as error:
        yield Finding("service.problem", message=error.message, next_step=error.next_step)
        return
    if not found["installed"]:
        yield Finding("service.none")
        return
    if found["problem"] or found["manager"] is None:
        message = found["problem"] or "its manager cannot be reached"
        yield Finding("service.problem", message=message, next_step=found["next_step"])
    elif not found["enabled"]:
        yield Finding("service.not_enabled")
    else:
        yield Finding("service.ok", manager=found["manager"])
    if found["lingers"] is not None:
        yield Finding("linger.ok" if found["lingers"] else "linger.off")


def examine_way(local: str, public: str | None) -> Iterator[Finding]:
    """Yield whether the port answers as the daemon, and whether the public endpoint leads there.

    Args:
        local: the daemon's origin on this machine.
        public: the origin that is recorded, if one is.
    """
    try:
        here = _fetch(f"{local}/health").get("instance")
        yield Finding("port.ok", url=local)
    except OSError as error:
        yield Finding("port.silent", url=local, reason=_reason(error))
        return
    except ValueError:
        yield Finding("port.silent", url=local, reason="another program answers there")
        return
    if public is None:
        return
    try:
        there = _fetch(f"{public}/health").get("instance")
        issuer = _fetch(public + METADATA).get("issuer")
    except urllib.error.HTTPError as error:
        yield Finding("endpoint.elsewhere", url=public, local=local, reason=f"it answers with HTTP {error.code}")
    except OSError as error:
        yield Finding("endpoint.unreachable", url=public, reason=_reason(error))
    except ValueError:
        yield Finding("endpoint.elsewhere", url=public, local=local, reason="another program answers there")
    else:
        if there != here:
            reason = "another daemon answers there" if there else "another program answers there"
            yield Finding("endpoint.elsewhere", url=public, local=local, reason=reason)
        elif issuer != public:
            yield Finding("endpoint.issuer", url=public, issuer=issuer)
        else:
            yield Finding("endpoint.ok", url=public)


def examine_client_files(repo_path: str | None) -> Iterator[Finding]:
    """Yield whether each client's file that has our entry starts a program that is there.

    Args:
        repo_path: the repository whose files are looked at beside the user's own.
    """
    from rhctl.setup.client_table import CHATGPT, IDS, find_spec
    from rhctl.setup.config_file import ConfigFile

    seen: set[str] = set()  # several clients read the same file
    for name in IDS:
        if name == CHATGPT:
            continue
        spec = find_spec(name)
        for scope in spec.scopes:
            if spec.format == "yaml" or (scope == "project" and repo_path is None):
                continue
            path = spec.file(scope, repo_path)
            if path in seen:
                continue
            seen.add(path)
            try:
                entry = ConfigFile(spec, path).find()
            except HarnessError:
                continue  # a file that cannot be read configures nothing
            if entry is None or (program := _program(entry)) is None:
                continue
            if shutil.which(program) is None:
                write = " --write" if spec.is_written else ""
                yield Finding("client_file.missing", path=path, program=program, client=name, scope=scope, write=write)
            else:
                yield Finding("client_file.ok", path=path)


def _program(entry: dict[str, Any]) -> str | None:
    command = entry.get("command")
    if isinstance(command, list):
        command = next(iter(command), None)
    return os.path.expanduser(command) if isinstance(command, str) else None


def _fetch(url: str) -> dict[str, Any]:
    """Return the JSON object at a URL.

    Raises:
        OSError: it cannot be reached; HTTPError, it answers with an error.
        ValueError: the answer is no JSON object.
    """
    with urllib.request.urlopen(url, timeout=WITHIN_S) as answer:  # noqa: S310 - only recorded origins are asked
        found = json.loads(answer.read(MAX_BYTES))
    if not isinstance(found, dict):
        raise ValueError(url)
    return found


def _reason(error: OSError) -> str:
    reason = getattr(error, "reason", error)
    return getattr(reason, "strerror", None) or str(reason)
