"""`show` on the socket."""

from __future__ import annotations

from tests.support.inprocess import Running
from tests.support.repositories import Repository

SECRET = "gh" + "p_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"


async def test_an_artifact_is_shown_redacted_and_in_pages(daemon: Running, repository: Repository) -> None:
    repository.write("tasks/notes/a.md", f"# Notes\n\n{SECRET}\n" + "line\n" * 20_000)
    slug = await daemon.adopt(repository.path)
    first = await daemon.call("show", repo=slug, artifact="tasks/notes/a.md")
    assert (first["slug"], first["path"], first["redactions"]) == (slug, "tasks/notes/a.md", {"github_token": 1})
    assert first["content"].startswith("# Notes\n\n[REDACTED:github_token]\n")
    more = await daemon.call("show", repo=slug, artifact="tasks/notes/a.md", cursor=first["next_cursor"])
    assert more["content"].startswith("line\n")


async def test_an_artifact_is_meant_by_its_file_too(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    said = await daemon.call("show", repo=slug, artifact="spec.md", file=str(repository.path / "docs/spec.md"))
    assert said["path"] == "docs/spec.md"


async def test_what_is_no_artifact_is_not_shown(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    for path in ("src/index.py", "../x", "/etc/passwd", ".repo-harness/id", ""):
        assert (await daemon.refusal("show", repo=slug, artifact=path, file=path)).code == "NOT_FOUND"
