from __future__ import annotations

from tests.support.calls import tool_context_of
from tests.support.inprocess import Running


async def test_the_tools_work_with_the_rooms_of_the_daemon(daemon: Running) -> None:
    tools, verbs = tool_context_of(daemon), daemon.context
    assert (tools.registry, tools.services, tools.store) == (verbs.registry, verbs.services, verbs.store)
    assert (tools.audit, tools.key) == (verbs.audit, verbs.key)
    (repo,) = tools.registry
    assert {finding.repo for finding in tools.examine(repo.id)} == {"project"}
