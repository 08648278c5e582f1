"""`rhctl endpoint`."""

from __future__ import annotations

from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import HOSTILE, is_safe, type_in

ONE, TWO = "https://one.example.com/mcp", "https://two.example.com/mcp"


async def test_none_is_recorded_at_first_and_what_to_do_is_said(daemon: Running) -> None:
    said = await type_in("endpoint")
    assert said.out.splitlines()[0] == "no public endpoint is recorded"
    assert "rhctl endpoint https://HOST/mcp" in said.out
    answer = await type_in("endpoint", "--json")
    assert answer.json == {"endpoint": None, "public_url": None, "clients": []}


async def test_recording_replacing_and_what_that_means_for_clients(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug, name=HOSTILE)
    assert (await type_in("endpoint", ONE)).out == f"{ONE}\n"
    assert (await type_in("endpoint")).out == f"{ONE}\n"
    refused = await type_in("endpoint", TWO)
    assert (refused.code, refused.out) == (1, "")
    assert ONE in refused.err
    assert "--replace" in refused.err
    assert is_safe(refused.err)
    said = await type_in("endpoint", TWO, "--json")
    assert said.refusal == "ENDPOINT_RECORDED"
    assert said.json["error"]["details"] == {"endpoint": ONE, "clients": [HOSTILE]}
    done = await type_in("endpoint", "--replace", TWO)
    assert done.code == 0
    assert r"evil\x1b[2J\nname\u202e" in done.out
    assert is_safe(done.out)
    assert "is no longer answered" in done.out
    assert "Their grants stay until you end them" in done.out
    assert len((await daemon.call("clients"))["clients"]) == 1, "as it says"
    again = (await type_in("endpoint", TWO, "--json")).json
    assert again == {"endpoint": TWO, "public_url": TWO.removesuffix("/mcp"), "clients": []}


async def test_what_is_no_public_endpoint_is_refused_with_the_reason(daemon: Running) -> None:
    for url, reason in (("http://one.example.com/mcp", "https"), ("https://localhost/mcp", "public"), ("x", "https")):
        said = await type_in("endpoint", url, "--json")
        assert (said.code, said.refusal) == (1, "INVALID_ENDPOINT")
        assert reason in said.json["error"]["message"]
    assert is_safe((await type_in("endpoint", f"https://{HOSTILE}/mcp")).err)
