"""What the client examines itself: each finding is provoked, and what it says to do ends it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rhctl import examination
from rhctl.examination import METADATA, examine_client_files, examine_service, examine_way
from rhwire.errors import HarnessError
from rhwire.home import Home
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import type_in


@contextmanager
def answering(pages: Mapping[str, Any]) -> Iterator[str]:
    """Yield the origin of a server that answers each path with JSON, an error number or bytes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = pages.get(self.path, 404)
            self.send_response(found if isinstance(found, int) else 200)
            self.end_headers()
            if not isinstance(found, int):
                self.wfile.write(found if isinstance(found, bytes) else json.dumps(found).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


HEALTH = {"server": "repo-harness", "instance": "i1"}
PUBLIC = "https://rh.example.com"


def way(monkeypatch: pytest.MonkeyPatch, local: Any, there: Any = None, issuer: Any = PUBLIC) -> list[str]:
    """Return the findings with a daemon that answers so here, and an endpoint that answers so there."""
    pages = {
        "http://here/health": local,
        f"{PUBLIC}/health": there,
        PUBLIC + METADATA: issuer if isinstance(issuer, OSError) else {"issuer": issuer},
    }

    def fetch(url: str) -> Any:
        if isinstance(pages[url], Exception):
            raise pages[url]
        return pages[url]

    monkeypatch.setattr(examination, "_fetch", fetch)
    found = list(examine_way("http://here", None if there is None else PUBLIC))
    assert all(finding.to_json()["message"] for finding in found)
    return [finding.id for finding in found]


def test_a_port_that_does_not_answer_as_the_daemon_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert way(monkeypatch, HEALTH) == ["port.ok"]
    for wrong in (ConnectionRefusedError(111, "Connection refused"), ValueError()):
        assert way(monkeypatch, wrong) == ["port.silent"]


def test_an_endpoint_that_leads_elsewhere_is_told_apart_from_one_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    assert way(monkeypatch, HEALTH, HEALTH) == ["port.ok", "endpoint.ok"]
    down = OSError(113, "No route to host")
    assert way(monkeypatch, HEALTH, down)[1:] == ["endpoint.unreachable"]
    for there in ({**HEALTH, "instance": "i2"}, {}, ValueError()):
        assert way(monkeypatch, HEALTH, there)[1:] == ["endpoint.elsewhere"]
    assert way(monkeypatch, HEALTH, HEALTH, "http://127.0.0.1:8765")[1:] == ["endpoint.issuer"]


async def test_a_real_daemon_answers_and_what_stands_in_for_it_does_not(daemon: Running) -> None:
    import trio

    found = await trio.to_thread.run_sync(lambda: list(examine_way(daemon.url, daemon.url)))
    assert [finding.id for finding in found] == ["port.ok", "endpoint.ok"]
    for pages in ({"/health": 502}, {"/health": b"<html>"}, {"/health": ["x"]}, {"/health": HEALTH}):
        with answering(pages) as origin:
            found = await trio.to_thread.run_sync(lambda: list(examine_way(daemon.url, origin)))
        assert [finding.id for finding in found] == ["port.ok", "endpoint.elsewhere"]
    found = await trio.to_thread.run_sync(lambda: list(examine_way(daemon.url, origin)))
    assert [finding.id for finding in found] == ["port.ok", "endpoint.unreachable"]


def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **known: Any) -> list[str]:
    """Return the findings about a service of which this is known."""
    fine = {"installed": True, "manager": "systemd", "enabled": True, "problem": None, "lingers": True}
    monkeypatch.setattr(
        "rhctl.managers.description.describe", lambda _: {**fine, "next_step": "Do it: rhctl service start", **known}
    )
    return [finding.id for finding in examine_service(Home(str(tmp_path)))]


def test_a_service_is_judged_by_what_its_manager_knows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert service(monkeypatch, tmp_path) == ["service.ok", "linger.ok"]
    assert service(monkeypatch, tmp_path, lingers=False) == ["service.ok", "linger.off"]
    assert service(monkeypatch, tmp_path, lingers=None) == ["service.ok"]
    assert service(monkeypatch, tmp_path, enabled=False)[0] == "service.not_enabled"
    assert service(monkeypatch, tmp_path, problem="it failed")[0] == "service.problem"
    assert service(monkeypatch, tmp_path, manager=None)[0] == "service.problem"
    assert service(monkeypatch, tmp_path, installed=False) == ["service.none"]


def test_a_service_that_cannot_be_asked_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(_: object) -> None:
        raise HarnessError("units of that name are not ours", code="SERVICE_INSTALLED")

    monkeypatch.setattr("rhctl.managers.description.describe", refuse)
    assert [finding.id for finding in examine_service(Home(str(tmp_path)))] == ["service.problem"]


async def test_a_client_s_file_that_names_a_program_that_is_gone_is_mended_by_setting_it_up_again(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    await daemon.adopt(repository.path)
    monkeypatch.chdir(repository.path)
    assert (await type_in("setup", "claude-code", "--scope", "project", "--write")).code == 0
    file = repository.path / ".mcp.json"
    found = json.loads(file.read_text())
    (entry,) = found["mcpServers"].values()
    entry["command"] = "/gone/rhctl"
    file.write_text(json.dumps(found))
    (finding,) = examine_client_files(str(repository.path))
    assert finding.id == "client_file.missing"
    command = finding.to_json()["next_step"].removeprefix("Run: rhctl ")
    assert (await type_in(*command.split())).code == 0
    monkeypatch.setattr("rhctl.examination.shutil.which", lambda program: program)  # it is installed
    assert [finding.id for finding in examine_client_files(str(repository.path))] == ["client_file.ok"]
