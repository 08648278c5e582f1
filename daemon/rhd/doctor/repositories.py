"""Checks of one adopted repository."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence

from rhd.errors import Refusal
from rhd.repos.registry import Registry
from rhd.repos.repo_service import RepoService
from rhd.watch.hints import Usage, Why
from rhwire.escape import escape
from rhwire.findings import ERROR, OK, WARNING, Finding

REMOVABLE = ("/media/", "/run/media/", "/mnt/", "/Volumes/")
"""Where drives that can be taken away are mounted."""

Check = Callable[[RepoService, Registry, Usage], Iterator[Finding]]


def _repository(service: RepoService, registry: Registry, usage: Usage) -> Iterator[Finding]:
    """The folder is where it was adopted and can be served."""
    return _served(service)


def _served(service: RepoService) -> Iterator[Finding]:
    slug, path, problem = service.repo.slug, service.repo.path, service.problem
    if service.state == "opening":
        yield Finding("repository.opening", slug)
    elif service.is_served:
        if problem is None:
            yield Finding("repository.ok", slug)
        else:
            yield Finding("repository.problem", slug, message=problem.message, next_step=problem.next_step)
    elif problem is not None and service.state == "broken":
        yield Finding("repository.broken", slug, message=problem.message, next_step=problem.next_step)
    elif problem is not None and problem.why is not None:
        yield Finding(f"repository.{problem.why}", slug, path=shlex.quote(path))
    else:
        yield Finding("repository.drive_gone" if path.startswith(REMOVABLE) else "repository.gone", slug)


def _profiles(service: RepoService, registry: Registry, usage: Usage) -> Iterator[Finding]:
    """Some profile is started, so that HTTP clients are served anything."""
    if running := sorted(registry.profiles(service.repo.id)):
        yield Finding("profiles.ok", service.repo.slug, names=", ".join(running))
    else:
        yield Finding("profiles.none", service.repo.slug)


_POLLED: Mapping[Why, tuple[str, str]] = {
    "disabled": ("the setting watcher is poll", "Run: rhctl config set watcher auto, and restart the daemon."),
    "filesystem": (
        "its file system tells of no changes (a network or shared one)",
        "Nothing is wrong. Where changes must be noticed at once, keep the repository on a disk of this machine.",
    ),
    "watches": ("the limit of watches is reached", "Widen it: rhctl status names the command."),
    "instances": ("the limit of watchers is reached", "Widen it: rhctl status names the command."),
    "files": (
        "the daemon may open no more files",
        "Let it open more (LimitNOFILE in its unit, or ulimit -n in its shell), and restart it.",
    ),
    "folders": (
        "it has more folders of artifacts than one repository may have watched",
        "Nothing is wrong: changes are found within seconds. To find them at once, remove folders without artifacts.",
    ),
    "overflow": (
        "so much changed in it that the system dropped reports of changes, twice within a minute",
        "Nothing is wrong: it is watched again within a minute. Programs that write there all the time cause it.",
    ),
    "died": (
        "the watcher failed, most often because of a name in the repository that is not UTF-8",
        "Rename what this lists in the repository: find . | LC_ALL=C.UTF-8 grep -axv '.*'; it is watched again within a"
        " minute.",
    ),
    "refused": (
        "the system refuses to watch one of its folders",
        "Let the user that the daemon runs as read the repository's folders.",
    ),
}
"""Cause and next step."""

_UNKNOWN = ("it cannot be watched", "See what the daemon says in: rhctl status")


def _watch(service: RepoService, registry: Registry, usage: Usage) -> Iterator[Finding]:
    """Changes are noticed by events rather than by looking every few seconds."""
    if service.watch == "poll":
        why = usage.polled.get(service.repo.id)
        cause, next_step = _POLLED.get(why, _UNKNOWN) if why is not None else _UNKNOWN
        yield Finding("watch.polled", service.repo.slug, cause=cause, next_step=next_step)
    elif service.watch == "events":
        yield Finding("watch.ok", service.repo.slug)


def _workflow(service: RepoService, registry: Registry, usage: Usage) -> Iterator[Finding]:
    """The workflow's own documents fit together."""
    if not service.is_served:
        return
    try:
        artifacts = service.artifacts
    except Refusal:
        return
    slug = service.repo.slug
    kinds = {artifact.kind for artifact in artifacts.all()}
    has_orphans = "sprint" in kinds and "prd" not in kinds
    checks = [a for a in artifacts.all() if a.kind == "check"]
    newest = max(checks, key=lambda a: a.recency_ns, default=None)
    has_failed = newest is not None and (newest.status or "").lower() == "fail"
    if has_orphans:
        yield Finding("workflow.no_prd", slug)
    if newest is not None and has_failed:
        yield Finding("workflow.failed_check", slug, name=escape(newest.path))
    if not (has_orphans or has_failed):
        yield Finding("workflow.ok", slug, count=len(artifacts))


CHECKS: Mapping[str, Check] = {
    "profiles": _profiles,
    "repository": _repository,
    "watch": _watch,
    "workflow": _workflow,
}


def advise(service: RepoService, rhctl: str) -> str | None:
    """Return what to do about the problem that a repository has, in commands that name it; None if it has none."""
    (finding,) = _served(service)
    next_step: str | None = finding.to_json(rhctl)["next_step"]
    return next_step


def examine_repository(service: RepoService, registry: Registry, usage: Usage) -> Sequence[Finding]:
    """Return every check's findings about one repository, most telling first."""
    found = [finding for check in CHECKS.values() for finding in check(service, registry, usage)]
    rank = {ERROR: 0, WARNING: 1, OK: 2}
    return sorted(found, key=lambda finding: rank[finding.status])
