"""Checks of a repository's own files: its id, its passphrase out of others' reach, folders that can be written."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from rhd.access import SCAFFOLD
from rhd.errors import Detached, Refusal
from rhd.rel_path import RelPath
from rhd.repos.passphrase_copy import find_exposure, read_copy, read_id
from rhd.repos.registry import Repo, digest_passphrase
from rhd.repos.repo_service import RepoService
from rhd.workflow.root import Root
from rhwire.findings import Finding

WRITTEN = tuple(map(RelPath, ("plans", "tasks", ".ai/harness")))
"""Folders that planning writes in."""


async def examine_files(service: RepoService, repo: Repo) -> list[Finding]:
    """Return the findings about one repository's files; none while the repository cannot be read.

    Args:
        repo: the repository as it is registered now, with the passphrase in force.
    """

    def look(root: Root) -> list[Finding]:
        return [*_id(root, repo), *_passphrase(root, repo), *_writing(root, repo)]

    try:
        return await service.read(look)
    except (Refusal, Detached):
        return []


def _id(root: Root, repo: Repo) -> Iterator[Finding]:
    if read_id(root)[0] is None:
        yield Finding("repository.id_removed", repo.slug, path=shlex.quote(repo.path))


def _passphrase(root: Root, repo: Repo) -> Iterator[Finding]:
    slug = repo.slug
    exposure = find_exposure(root)
    copy = read_copy(root)
    if exposure.is_tracked:
        yield Finding("passphrase.tracked", slug)
    elif exposure.has_foreign_ignore:
        yield Finding("passphrase.not_ignored", slug)
    elif exposure.is_open:
        yield Finding("passphrase.open", slug)
    elif copy is None or digest_passphrase(copy) != repo.passphrase:
        yield Finding("passphrase.differs", slug)
    else:
        yield Finding("passphrase.ok", slug)


def _writing(root: Root, repo: Repo) -> Iterator[Finding]:
    if not all(root.is_writable(folder, SCAFFOLD) for folder in WRITTEN):
        yield Finding("repository.unwritable", repo.slug)
