from __future__ import annotations

from tests.support.calls import backend_of
from tests.support.inprocess import Running


async def test_the_tools_work_with_the_rooms_of_the_daemon(daemon: Running) -> None:
    context, context = backend_of(daemon), daemon.context
    assert (context.registry, context.services, context.store) == (context.registry, context.services, context.store)
    assert (context.audit, context.key) == (context.audit, context.key)
    (repo,) = context.registry
    assert {finding.repo for finding in context.examine(repo.id)} == {"project"}
