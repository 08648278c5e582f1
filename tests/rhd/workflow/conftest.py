"""What the tests of this room share: a repository's `Root`, by both ways of opening."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rhd.workflow.root import Root
from tests.support.repositories import Repository


@pytest.fixture(params=["openat2", "walk"])
def root(repository: Repository, request: pytest.FixtureRequest) -> Iterator[Root]:
    """The test repository's root; every test that uses it runs once for each way."""
    with Root.open(str(repository.path), method=request.param) as root:
        yield root
