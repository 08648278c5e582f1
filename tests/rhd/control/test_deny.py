"""`deny` on the socket."""

from __future__ import annotations

from tests.support.inprocess import Running
from tests.support.repositories import Repository


async def test_what_was_denied_is_described_and_cannot_be_approved_any_more(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    code = daemon.begin_login("ChatGPT", resource=slug)
    done = await daemon.call("deny", code=code)
    assert (done["client"], done["resource"], done["denied"]) == ("ChatGPT", slug, True)
    assert (await daemon.refusal("approve", code=code, confirm=True)).code == "APPROVAL_NOT_FOUND"
    assert [row.action for row in await daemon.audited()][-1].startswith("login")


async def test_a_code_that_nothing_waits_under_is_refused(daemon: Running) -> None:
    for code in ("abcd-efgh", "", "\u202e"):
        assert (await daemon.refusal("deny", code=code)).code == "APPROVAL_NOT_FOUND"
