"""That no text of 4 MiB holds up the daemon: `/health` is asked while four clients read and write what hurts most.

The texts were written by authors who had not seen the patterns (`tests.support.hurtful_texts`). The goals are for a
machine that does nothing else; how long an idle daemon takes beside it is printed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

import rhctl.client
from tests.support.daemons import Daemon
from tests.support.health_probe import Asked, HealthProbe
from tests.support.hurtful_texts import hurtful_texts
from tests.support.repositories import Repository
from tests.support.socket_mcp import SocketMcp

pytestmark = pytest.mark.timeout(3600)

SIZE = (4 << 20) - 64
CLIENTS, AT_ONCE = 4, 8
IDEA_CHARS, NOTE_CHARS = 60_000, 20_000
P99_MS, LONGEST_MS = 20, 100


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "home").start()
    yield daemon
    daemon.end()


@pytest.fixture
def idle_daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "idle").start()
    yield daemon
    daemon.end()


def p99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]


def test_no_text_holds_up_the_daemon(
    daemon: Daemon,
    idle_daemon: Daemon,
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rhctl.client, "SILENCE_S", 120)
    slug = daemon.rhctl("adopt", str(repository.path))["slug"]
    clients = [SocketMcp(str(daemon.home), slug, "planner") for _ in range(CLIENTS)]
    texts, reads_s, groups = hurtful_texts(SIZE), list[float](), list[tuple[float, list[str]]]()
    names = list(texts)

    def work(client: SocketMcp, number: int, given: dict[str, str]) -> None:
        for path, text in given.items():
            began = time.perf_counter()
            said = client.call("read_workflow_file", path=path)
            reads_s.append(time.perf_counter() - began)
            assert "content" in said, (path, said)
            client.call("latest_handoff")
            client.call("latest_checks")
            client.call("list_workflow_files", query="title")
            client.call("write_prd_from_idea", title="T", slug=f"20260101-0900-{number}", idea=text[:IDEA_CHARS] or ".")
            client.call("append_handoff_note", body=text[:NOTE_CHARS])

    probe = HealthProbe(daemon.port, idle_daemon.port)
    with ExitStack() as stack:
        for client in clients:
            stack.callback(client.close)
        pool = stack.enter_context(ThreadPoolExecutor(CLIENTS))
        for start in range(0, len(names), AT_ONCE):
            group = names[start : start + AT_ONCE]
            made = {f"plans/{number}.sprint.md": texts[name]() for number, name in enumerate(group)}
            first, last = made["plans/0.sprint.md"], made[f"plans/{len(group) - 1}.sprint.md"]
            groups.append((time.monotonic(), group))
            for path, text in made.items():
                repository.write(path, text)
            repository.write(".ai/harness/handoff/resume.md", first)
            repository.write(".ai/harness/checks/latest.json", last)
            given = [dict(list(made.items())[number::CLIENTS]) for number in range(CLIENTS)]
            for done in [pool.submit(work, client, number, given[number]) for number, client in enumerate(clients)]:
                done.result()
    asked = probe.stop()
    with capsys.disabled():
        print(f"\n{len(names)} texts of 4 MiB, {CLIENTS} clients that read and write, {len(asked)} times /health")
        print(f"a read takes {statistics.median(reads_s):.1f} s, the longest {max(reads_s):.1f} s")
        print(_shown(asked))
        for longest, each, group in sorted(_of_groups(asked, groups), reverse=True)[:4]:
            print(f"  longest {longest:.1f} ms, p99 {each:.1f} ms: {', '.join(group)}")
    assert _is_quick(asked)


def test_no_message_of_many_values_holds_up_the_daemon(
    daemon: Daemon, idle_daemon: Daemon, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parsing one of 4 MiB would hold the loop for up to 2.5 s."""
    slug = daemon.rhctl("adopt", str(repository.path))["slug"]
    clients = [SocketMcp(str(daemon.home), slug, "planner") for _ in range(CLIENTS)]
    probe = HealthProbe(daemon.port, idle_daemon.port)
    with ExitStack() as stack:
        for client in clients:
            stack.callback(client.close)
        pool = stack.enter_context(ThreadPoolExecutor(CLIENTS))
        for value in ("1", "[]", "{}", '""', '{"a":[1]}', '"\\"[,"'):
            many = ",".join([value] * (SIZE // (len(value) + 1) - 100))
            said = f'"jsonrpc":"2.0","method":"tools/call","params":{{"name":"x","arguments":{{"a":[{many}]}}}}'
            line = f'{{{said},"id":7}}'.encode()
            for refused in pool.map(lambda client, line=line: [client.refused(line) for _ in range(40)], clients):
                assert {error["code"] for error in refused} == {-32600}
    asked = probe.stop()
    with capsys.disabled():
        print(f"\n{_shown(asked)}")
    assert _is_quick(asked)


def _shown(asked: list[Asked]) -> str:
    took, idle = [each.took_ms for each in asked], [each.idle_ms for each in asked]
    return f"p99 {p99(took):.1f} ms (idle {p99(idle):.1f}), longest {max(took):.1f} ms (idle {max(idle):.1f})"


def _is_quick(asked: list[Asked]) -> bool:
    took = [each.took_ms for each in asked]
    return p99(took) <= P99_MS and max(took) <= LONGEST_MS


def _of_groups(asked: list[Asked], groups: list[tuple[float, list[str]]]) -> Iterator[tuple[float, float, list[str]]]:
    """Yield the longest and the 99th percentile of each group of texts."""
    ends = [began for began, _ in groups[1:]] + [float("inf")]
    for (began, group), end in zip(groups, ends, strict=True):
        took = [each.took_ms for each in asked if began <= each.at < end]
        if took:
            yield max(took), p99(took), group
