from __future__ import annotations

from tests.support.calls import backend_of
from tests.support.inprocess import Running


async def test_the_tools_work_with_the_rooms_of_the_daemon(daemon: Running) -> None:
    backend, house = backend_of(daemon), daemon.house
    assert (backend.registry, backend.services, backend.store) == (house.registry, house.services, house.store)
    assert (backend.audit, backend.key) == (house.audit, house.key)
    (repo,) = house.registry
    assert {finding.repo for finding in backend.examine(repo.id)} == {"project"}
