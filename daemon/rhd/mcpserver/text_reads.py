"""Reads an artifact within the file system's deadline, and takes its secrets out without one if it is long."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rhd.access import Reach
from rhd.rel_path import RelPath
from rhd.repos.repo_service import RepoService
from rhd.workflow.reading import Raw, read_raw
from rhd.workflow.root import Root

T = TypeVar("T")


async def read_text(service: RepoService, path: RelPath, reach: Reach, use: Callable[[Raw], T]) -> T:
    """Return what `use` makes of the artifact at `path`.

    Args:
        service: the repository.
        path: the artifact.
        reach: must allow reading it.
        use: `page_of` or `tail_of`, bound to its other arguments; runs in a thread of the repository.

    Raises:
        Refusal: TIMEOUT, or what `read_raw` and `use` refuse.
    """

    def read(root: Root) -> tuple[Raw, T | None]:
        raw = read_raw(root, path, reach)
        return raw, None if raw.is_long else use(raw)

    raw, made = await service.read(read)
    return made if made is not None else await service.compute(lambda: use(raw))
