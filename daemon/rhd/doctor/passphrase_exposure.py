"""The check that a repository's passphrase cannot be committed or read by others."""

from __future__ import annotations

from rhd.errors import Detached, Refusal
from rhd.repos.passphrase_copy import find_exposure
from rhd.repos.repo_service import RepoService
from rhwire.findings import ERROR, OK, WARNING, Finding


async def examine_copy(service: RepoService) -> Finding | None:
    """Return the finding about one repository's copy; None while the repository cannot be read."""
    try:
        exposure = await service.read(find_exposure)
    except (Refusal, Detached):
        return None
    slug = service.repo.slug
    cure = f"rhctl passphrase rotate {slug}"
    if exposure.is_tracked:
        found = Finding(
            "passphrase",
            ERROR,
            "git tracks the file that holds the passphrase",
            cause="everyone who has the repository can connect to it",
            next_step=f"Run: git rm --cached -r .repo-harness, commit, then: {cure}",
        )
    elif exposure.has_foreign_ignore:
        found = Finding(
            "passphrase",
            ERROR,
            "git add would take the file that holds the passphrase",
            cause=".repo-harness/.gitignore is missing or not the one that adopting wrote",
            next_step=f"Put it back and replace the passphrase: {cure}",
        )
    elif exposure.is_open:
        found = Finding(
            "passphrase",
            WARNING,
            "other users of this machine can look into .repo-harness",
            next_step=f"Run: chmod 700 .repo-harness; or replace the passphrase: {cure}",
        )
    else:
        found = Finding("passphrase", OK, "the passphrase is out of git's reach")
    found.repo = slug
    return found
