"""No secret leaves by the side door: it stands where its owner looks for it and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx2
import pytest

from rhd.logs import JsonFormat
from tests.support.consent_person import CALLBACK, Memory, Person, logged_in
from tests.support.inprocess import Running, running_daemon
from tests.support.repositories import Repository
from tests.support.terminal import type_in

WRONG = "canary-wrong-passphrase"
COPY = ".repo-harness/mcp.oauth.json"
SAID_EVERYWHERE = (
    "status", "repos", "clients", "doctor", "events -n 1000", "endpoint", "version", "setup chatgpt project",
    "setup codex project", "raw setup repo=project", "raw passphrase repo=project action=check",
    f"raw passphrase repo=project action=check passphrase={WRONG}", f"raw passphrase repo=project action={WRONG}",
    f"raw nothing passphrase={WRONG}", f"raw version passphrase={WRONG}",
)  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """All that the daemon says, as it would say it, at its most talkative."""
    path = tmp_path / "log"
    handler = logging.FileHandler(path)
    handler.setFormatter(JsonFormat())
    logger = logging.getLogger("rhd")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    yield path
    logging.getLogger().removeHandler(handler)
    logger.setLevel(before)
    handler.close()


class Secrets:
    """Every value that must not be found, by what it is."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def keep(self, name: str, value: str | None) -> str:
        """Remember a value; one that is too short to be recognised is a mistake of the test."""
        assert value is not None
        assert len(value) >= 8, name
        self.values[name] = value
        return value

    def found_in(self, text: bytes) -> set[str]:
        """Return which of them stand in `text`, as they are or as a URL has them."""
        return {
            name
            for name, value in self.values.items()
            if value.encode() in text or quote(value, safe="").encode() in text
        }


async def log_in(daemon: Running, secrets: Secrets, right: str) -> tuple[Memory, str]:
    """Log in with the wrong passphrase and then the right one, and call a tool; return what the client then holds."""
    memory, person = Memory(), Person(WRONG, right)
    async with logged_in(f"{daemon.url}/mcp", person, memory) as client:
        assert (await client.call_tool("harness_status", {})).is_error is False
    assert memory.tokens is not None
    assert memory.client is not None
    answer = parse_qs(urlsplit(person.location).query)
    secrets.keep("code", answer["code"][0])
    secrets.keep("state", answer["state"][0])
    secrets.keep("access token", memory.tokens.access_token)
    secrets.keep("refresh token", memory.tokens.refresh_token)
    return memory, str(memory.client.client_id)


async def use_wrongly(daemon: Running, secrets: Secrets, client_id: str, memory: Memory) -> list[str]:
    """Refresh, then do with secrets what must fail, and revoke; return everything that was answered."""
    said = []
    assert memory.tokens is not None
    refresh = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": memory.tokens.refresh_token}
    exchange = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "code": secrets.values["code"],
        "code_verifier": secrets.keep("verifier", "canary-verifier-" + "v" * 40),
    }
    async with httpx2.AsyncClient(base_url=daemon.url) as http:
        fresh = (await http.post("/token", data=refresh)).json()
        secrets.keep("second access token", fresh["access_token"])
        secrets.keep("second refresh token", fresh["refresh_token"])
        bogus = secrets.keep("bogus token", "canary-bogus-token")
        state = secrets.keep("bogus state", "canary-bogus-state")
        for method, path, options in (
            ("POST", "/token", {"data": exchange}),  # the code has been used
            ("POST", "/token", {"data": {**exchange, "code": bogus}}),
            ("POST", "/token", {"data": {**refresh, "refresh_token": bogus}}),
            ("POST", "/mcp", {"headers": {"Authorization": f"Bearer {bogus}"}, "json": {}}),
            ("POST", f"/mcp?access_token={bogus}", {"json": {}}),
            ("GET", f"/authorize?response_type=code&client_id={bogus}&state={state}", {}),
            ("GET", f"/{bogus}?code={bogus}&state={state}", {}),
            ("POST", "/authorize", {"data": {"login": bogus, "action": "open", "passphrase": WRONG}}),
            ("POST", "/revoke", {"data": {"client_id": client_id, "token": fresh["refresh_token"]}}),
        ):
            answer = await http.request(method, path, **options)
            said.append(f"{answer.status_code} {sorted(answer.headers.items())} {answer.text}")
    return said


async def test_no_passphrase_token_code_or_state_is_in_a_log_a_row_a_file_or_an_answer_that_is_not_its_own(
    tmp_path: Path, repository: Repository, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPO_HARNESS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    secrets, said = Secrets(), []
    secrets.keep("wrong passphrase", WRONG)
    async with running_daemon(tmp_path / "home") as daemon:
        adopted = await type_in("adopt", "project", "--json")
        said.append(adopted.out)
        await daemon.settle("project")
        right = secrets.keep("passphrase", daemon.passphrase(repository.path))
        memory, client_id = await log_in(daemon, secrets, right)
        said += await use_wrongly(daemon, secrets, client_id, memory)
        waiting = secrets.keep("approval code", daemon.begin_login("Another"))
        for words in (("approve", waiting, "--json"), ("deny", waiting), ("deny", waiting)):
            answer = await type_in(*words)
            said += [answer.out, answer.err]
        rotated = (await type_in("passphrase", "rotate", "project", "--json")).json
        secrets.keep("new passphrase", rotated.pop("passphrase"))  # told there, and in the copy
        said.append(repr(rotated))
        (repository.path / COPY).write_text(f'{{"passphrase": "{WRONG}"}}')
        said.append((await type_in("passphrase", "show", "project", "--json")).out)
        await daemon.call("passphrase", repo="project", action="rotate")
        secrets.keep("last passphrase", daemon.passphrase(repository.path))

        async def fail(_: object) -> None:
            raise RuntimeError(right)

        examine, daemon.context.examine = daemon.context.examine, fail  # type: ignore[assignment]
        said.append((await type_in("doctor", "--json")).out)
        daemon.context.examine = examine
        for line in SAID_EVERYWHERE:
            for more in ((), ("--json",)):
                answer = await type_in(*line.split(), *more)
                said += [answer.out, answer.err]
        said += map(repr, await daemon.audited())
        actions = {row.action for row in await daemon.audited()}

    assert {
        name: secrets.found_in(text.encode()) for name, text in enumerate(said) if secrets.found_in(text.encode())
    } == {}
    places = [path for root in (tmp_path / "home", repository.path, Path.home()) for path in root.rglob("*")]
    files = {path: path.read_bytes() for path in [log, *places] if path.is_file()}
    found = {
        str(path.relative_to(tmp_path)): names for path, text in files.items() if (names := secrets.found_in(text))
    }
    assert found == {f"project/{COPY}": {"last passphrase"}}  # which also shows that the search finds what is there

    # What happened was noted, by other words than its secrets.
    assert {"repo.adopt", "passphrase.rotate", "login.wrong"} <= actions
    assert "verb-failed" in log.read_text()
    assert any(path.suffix == ".sqlite3" for path in files)
