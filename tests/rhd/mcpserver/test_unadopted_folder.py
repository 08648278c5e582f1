"""What a local client is served outside of every adopted repository."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rhd.errors import Refusal
from rhd.mcpserver.unadopted_folder import MAX_NAMED, TOOLS, UnadoptedFolder
from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_its_two_tools_reach_the_adopted_repositories_and_every_other_call_is_refused(
    daemon: Running, repository: Repository
) -> None:
    slug = "project"
    outside = UnadoptedFolder(daemon.context.registry, "owner:1", "codex")
    assert tuple(tool["name"] for tool in outside.describe_tools()) == TOOLS
    for tool, arguments in (("list_repos", {}), ("harness_status", {"repo": slug})):
        caller = outside.caller_of(tool, arguments)
        assert caller.is_owner
        assert caller.principal().profiles == {daemon.service(slug).repo.id: {"executor"}}
    for tool, arguments in (("harness_status", {}), ("read_workflow_file", {"repo": slug, "path": "a"}), ("other", {})):
        with pytest.raises(Refusal, match=rf"\(adopted: {slug}\)") as refused:
            outside.caller_of(tool, arguments)
        assert refused.value.code == "REPO_NOT_ADOPTED"
        assert refused.value.details == {"repos": [slug]}


def test_a_refusal_is_short_however_many_repositories_there_are() -> None:
    many: Any = [SimpleNamespace(slug=f"r{number:02}") for number in range(MAX_NAMED + 8)]
    assert UnadoptedFolder(many, "owner:1", "c").refuse().message.endswith(f"r{MAX_NAMED - 1:02} and 8 more)")
    none: Any = []
    assert UnadoptedFolder(none, "owner:1", "c").refuse().message.endswith("(none is adopted)")
