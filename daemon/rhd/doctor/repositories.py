"""Checks of one adopted repository."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from rhd.errors import Refusal
from rhd.repos.registry import Registry
from rhd.repos.repo_service import RepoService
from rhd.watch.hints import Usage, Why
from rhd.workflow.artifacts import Artifacts
from rhwire.escape import escape
from rhwire.findings import ERROR, OK, WARNING, Finding

Check = Callable[[RepoService, Registry, Usage], Iterator[Finding]]


def _repository(service: RepoService, registry: Registry, usage: Usage) -> Iterator[Finding]:
    """The folder is where it was adopted and can be served."""
    if service.state == "opening":
        yield Finding("repository", OK, "the repository is being opened", is_local=False)
    elif not service.is_served:
        problem = service.problem
        yield Finding(
            "repository",
            ERROR,
            f"the repository is {service.state}",
            cause=problem.message if problem is not None else None,
            next_step=advise(service),
            is_local=False,
        )
    elif service.problem is not None:
        yield Finding(
            "repository",
            WARNING,
            service.problem.message,
            next_step=advise(service),
            is_local=False,
        )
    else:
        yield Finding("repository", OK, "it is served", is_local=False)


def _profiles(service: RepoService, registry: Registry, usage: Usage) -> Iterator[Finding]:
    """Some profile is started, so that HTTP clients are served anything."""
    running = sorted(registry.profiles(service.repo.id))
    if running:
        yield Finding("profiles", OK, f"started: {', '.join(running)}", is_local=False)
    else:
        yield Finding(
            "profiles",
            WARNING,
            "no profile is started, so HTTP clients are served nothing",
            next_step=f"Ask the owner to run: rhctl start {service.repo.slug}",
            is_local=False,
        )


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
    mode = service.watch
    if mode == "poll":
        why = usage.polled.get(service.repo.id)
        cause, next_step = _POLLED.get(why, _UNKNOWN) if why is not None else _UNKNOWN
        yield Finding(
            "watch",
            WARNING,
            "changes are noticed by looking every few seconds",
            cause=cause,
            next_step=next_step.format(slug=service.repo.slug),
            is_local=False,
        )
    elif mode == "events":
        yield Finding("watch", OK, "changes are noticed at once", is_local=False)


def _workflow(service: RepoService, registry: Registry, usage: Usage) -> Iterator[Finding]:
    """The workflow's own documents fit together."""
    if not service.is_served:
        return
    try:
        artifacts = service.artifacts
    except Refusal:
        return
    broken = [*_orphans(artifacts), *_failed_checks(artifacts)]
    yield from broken
    if not broken:
        yield Finding("workflow", OK, f"{len(artifacts)} artifacts, none of them at odds", is_local=False)


def _orphans(artifacts: Artifacts) -> Iterator[Finding]:
    kinds = {artifact.kind for artifact in artifacts.all()}
    if "sprint" in kinds and "prd" not in kinds:
        yield Finding(
            "workflow",
            WARNING,
            "there are sprints, but no PRD that they could come from",
            next_step="Write the intent down with write_prd_from_idea.",
            is_local=False,
        )


def _failed_checks(artifacts: Artifacts) -> Iterator[Finding]:
    checks = [a for a in artifacts.all() if a.kind == "check"]
    newest = max(checks, key=lambda a: a.recency_ns, default=None)
    if newest is not None and (newest.status or "").lower() == "fail":
        yield Finding(
            "workflow",
            WARNING,
            f"the newest check, {escape(newest.path)}, failed",
            next_step="Read it with latest_checks.",
            is_local=False,
        )


CHECKS: Mapping[str, Check] = {
    "profiles": _profiles,
    "repository": _repository,
    "watch": _watch,
    "workflow": _workflow,
}


def advise(service: RepoService) -> str | None:
    """Return what to do about the problem that a repository has, in commands that name it; None if it has none."""
    if service.problem is None:
        return None
    if service.problem.code == "REPO_DETACHED":
        return f"Adopt it again where it now is: rhctl adopt PATH; or, if it is gone: rhctl forget {service.repo.slug}"
    return service.problem.next_step


def examine_repository(service: RepoService, registry: Registry, usage: Usage) -> Sequence[Finding]:
    """Return every check's findings about one repository, most telling first."""
    found = [finding for check in CHECKS.values() for finding in check(service, registry, usage)]
    for finding in found:
        finding.repo = service.repo.slug
    rank = {ERROR: 0, WARNING: 1, OK: 2}
    return sorted(found, key=lambda finding: rank[finding.status])
