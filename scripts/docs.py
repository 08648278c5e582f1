"""Writes the generated parts of docs/: between `<!-- begin: NAME -->` and `<!-- end: NAME -->`, from the code's tables.

`make docs` writes them; with --check nothing is written, and a part that is not current is an error.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rhctl.command import NAMES, find_command, overview
from rhctl.commands.man import make_page
from rhctl.setup.client_table import CHATGPT, IDS, find_spec
from rhd.access import DENIED_PARTS, PROFILES
from rhd.control.verb_table import VERBS
from rhd.mcpserver.tools.output_schemas import ARTIFACT, CHANGE
from rhd.mcpserver.tools.tool_spec import ToolSpec
from rhd.mcpserver.tools.tool_table import TOOLS, hints
from rhd.settings import TABLE
from rhd.workflow.documents.goal import Goal, render_prompt
from rhd.workflow.documents.prd import Prd, render_prd
from rhd.workflow.documents.scenarios import read_scenarios
from rhd.workflow.documents.sprint import Card, Sprint, render_sprint
from rhwire.checks import CHECKS, MODEL
from rhwire.codes import CODES

DOCS = Path(__file__).resolve().parent.parent / "docs"
_PART = re.compile(r"(?P<begin><!-- begin: (?P<name>[a-z]+) -->\n).*?(?P<end><!-- end: (?P=name) -->\n)", re.DOTALL)
_TYPES = {bool: "boolean", dict: "object of strings", int: "integer", list: "array of strings", str: "string"}


def main(arguments: Sequence[str]) -> int:
    """Write what is not current, or with `--check` only say so; return the exit code."""
    stale = dict(find_stale())
    for path, text in stale.items():
        if "--check" in arguments:
            print(f"{path.relative_to(DOCS.parent)} is not current; run: make docs", file=sys.stderr)
        else:
            path.write_text(text)
            print(f"wrote {path.relative_to(DOCS.parent)}")
    return 1 if stale and "--check" in arguments else 0


def find_stale() -> Iterator[tuple[Path, str]]:
    """Yield each page that is not current, and its text as it should be."""
    used: set[str] = set()
    for path in sorted(DOCS.glob("*.md")):
        before = path.read_text()
        used.update(match["name"] for match in _PART.finditer(before))
        after = _PART.sub(lambda match: match["begin"] + PARTS[match["name"]]() + match["end"], before)
        if after != before:
            yield path, after
    index = DOCS.parent / "tests" / "support" / "README.md"
    if (text := support_index()) != index.read_text():
        yield index, text
    man = DOCS / "man" / "rhctl.1"
    if (text := make_page()) != (man.read_text() if man.exists() else None):
        yield man, text
    if unused := set(PARTS) - used:
        raise SystemExit(f"no page of docs/ has the part {sorted(unused)[0]}")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in row) + " |\n" for row in lines)


def support_index() -> str:
    """Return the index of what tests share: each module with the first line of its docstring."""
    rows = []
    for path in sorted((DOCS.parent / "tests" / "support").glob("*.py")):
        about = ast.get_docstring(ast.parse(path.read_text())) or ""
        rows.append((f"`{path.name}`", about.split("\n")[0]))
    head = (
        "# What tests share\n\nOne line a module; the module's docstring says more. `make docs` writes this page.\n\n"
    )
    return head + _rows(("module", "what it is"), rows)


def codes() -> str:
    """Return the table of codes."""
    return _rows(("code", "when", "what to do"), [(f"`{code}`", when, do) for code, (when, do) in CODES.items()])


def checks() -> str:
    """Return the doctor's table."""
    rows = []
    for name, row in CHECKS.items():
        reader = "owner and model" if row.audience == MODEL else "owner"
        words = [text.replace("<", "&lt;") for text in (row.message, row.cause or "", row.next_step or "")]
        rows.append((f"`{name}`", row.status, reader, *words))
    return _rows(("finding", "status", "told to", "says", "because", "what to do"), rows)


def setups() -> str:
    """Return the table of clients that `rhctl setup` knows."""
    found = []
    for name in IDS:
        if name == CHATGPT:
            found.append(("`chatgpt`", "ChatGPT", "printed steps", "", ""))
            continue
        spec = find_spec(name)
        files = ["<br>".join(f"`{each}`" for each in names) for names in (spec.project_files, spec.user_files)]
        how = "written" if spec.is_written else "printed"
        found.append((f"`{name}`", spec.name, how, *files))
    return _rows(("id", "client", "entry", "repository's file", "user's file"), found)


def commands() -> str:
    """Return what every command's `--help` says."""
    pages = [("rhctl", overview())]
    os.environ["COLUMNS"] = "100"  # argparse would ask the terminal
    pages += [(f"rhctl {name}", find_command(name).parser().format_help()) for name in NAMES]
    return "".join(f"## `{name}`\n\n```text\n{text}```\n\n" for name, text in pages)


def verbs() -> str:
    """Return the table of the control protocol's verbs."""
    rows = []
    for verb in VERBS.values():
        params = [
            f"`{name}`: {_TYPES[kind]}{'' if name in verb.required else '?'}" for name, kind in verb.params.items()
        ]
        about = (inspect.getdoc(verb.run) or "").split("\n\n")[0].replace("\n", " ")
        rows.append((f"`{verb.name}`", ", ".join(params), about))
    return _rows(("verb", "parameters (`?`: may be left out)", "does"), rows)


def settings() -> str:
    """Return the table of settings."""
    rows = []
    for setting in TABLE:
        default = {None: "none", (): "none"}.get(setting.default, f"`{setting.default}`")
        name = f"`{setting.name}`, `REPO_HARNESS_{setting.name.upper()}`"
        rows.append((name, default, setting.help, "reload" if setting.reloads else "restart"))
    return _rows(("setting", "default", "what it is", "a change needs"), rows)


def profiles() -> str:
    """Return what each profile may read and write."""
    rows = [
        (f"`{p.name}`", ", ".join(f"`{x}`" for x in p.reach.reads), ", ".join(f"`{x}`" for x in p.reach.writes) or "–")
        for p in PROFILES.values()
    ]
    return _rows(("profile", "reads", "writes"), rows)


def denied() -> str:
    """Return what no profile may touch."""
    return ", ".join(f"`{part}`" for part in DENIED_PARTS) + "\n"


def tools() -> str:
    """Return a section for each tool."""
    return "".join(_tool(spec) for spec in TOOLS.values())


def _tool(spec: ToolSpec) -> str:
    said = hints(spec)
    kind = "reads" if said["readOnlyHint"] else "writes; replaces" if said["destructiveHint"] else "writes"
    held = "the hub alone" if spec.is_of_hub else ", ".join(spec.profiles)
    lines = [f"### `{spec.name}`", "", spec.description, "", f"Profiles: {held}. It {kind}.", ""]
    text = "\n".join(lines) + "\n"
    if taken := _arguments(spec.input):
        text += _rows(("argument", "", "what it is"), taken) + "\n"
    return text + f"Result:\n\n```text\n{_shape_lines(spec.output)}```\n\n"


def _arguments(schema: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str, str]]:
    rows = []
    for name, entry in schema["properties"].items():
        mark = "" if name in schema["required"] else "?"
        kind = " or ".join(f"`{value}`" for value in entry["enum"]) if "enum" in entry else _shape(entry)
        rows.append((f"`{prefix}{name}`{mark}", kind, entry.get("description", "")))
        if "properties" in entry.get("items", {}):
            rows[-1] = (rows[-1][0], "array", rows[-1][2])
            rows += _arguments(entry["items"], f"{prefix}{name}[].")
    return rows


def _shape_lines(schema: Mapping[str, Any]) -> str:
    return "".join(f"{name}: {_shape(entry)}\n" for name, entry in schema["properties"].items())


def _shape(entry: Mapping[str, Any]) -> str:
    if "anyOf" in entry:
        return " | ".join(map(_shape, entry["anyOf"]))
    kind = entry["type"]
    return _SHAPES[kind](entry) if kind in _SHAPES else str(kind)


def _object(entry: Mapping[str, Any]) -> str:
    if entry.get("properties") == ARTIFACT["properties"]:
        return "ARTIFACT"
    if entry.get("properties") == CHANGE["properties"]:
        return "CHANGE"
    if "properties" not in entry:
        return f"{{…: {_shape(entry['additionalProperties'])}}}" if entry.get("additionalProperties") else "{…}"
    return "{" + ", ".join(f"{name}: {_shape(inner)}" for name, inner in entry["properties"].items()) + "}"


_SHAPES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "array": lambda entry: f"[{_shape(entry['items'])}]",
    "object": _object,
}


def shapes() -> str:
    """Return the shapes that results share."""
    lines = [
        f"{name}: {{{', '.join(f'{key}: {_shape(inner)}' for key, inner in schema['properties'].items())}}}\n"
        for name, schema in (("ARTIFACT", ARTIFACT), ("CHANGE", CHANGE))
    ]
    return "```text\n" + "".join(lines) + "```\n"


PRD_PATH, SPRINT_PATH = "plans/prds/20261122-1010-uploads.prd.md", "plans/sprints/20261122-1015-uploads.sprint.md"


def example_documents() -> tuple[str, str, str]:
    """Return a PRD, the sprint made from it and the prompt of its goal, as the tools write them."""
    at, path = "2026-11-22T10:10:00.000Z", "infra/nginx.conf"
    prd = Prd(
        title="Fix: uploads over 2 GB fail with 413",
        idea="Uploads over 2 GB fail since the move to nginx.\n\n```sh\n$ curl -F f=@3g.bin https://staging/upload\n"
        "HTTP/1.1 413\n```\n\n| size | before | now |\n| --- | --- | --- |\n| 3 GB | 200 | 413 |",
        problem="Customers on the Pro plan cannot upload videos (11 tickets since November 3).",
        users=["Pro customers"],
        non_goals=["Uploads that can be resumed"],
        success_criteria=[
            "A 3 GB upload returns 200 on staging",
            "A 5 GB upload is refused with a message that names the limit",
        ],
    )
    text = render_prd(prd, at)
    scenarios = read_scenarios(text)
    cards = [
        Card(
            "Reproduce it in a test",
            "A test uploads 2.1 GB to a local nginx and fails with 413",
            ["tests/e2e/upload_test.go"],
            ["! go test ./tests/e2e -run TestLargeUpload"],
            ["The failure is a 413 and no other one"],
        ),
        Card(
            "Raise the limit",
            "The test passes",
            [path, "server/upload.go"],
            ["go test ./tests/e2e -run TestLargeUpload", f"nginx -t -c {path}"],
        ),
    ]
    sprint = Sprint("Fix large uploads", PRD_PATH, prd.title, cards, scenarios)
    return text, render_sprint(sprint, at), render_prompt(Goal(PRD_PATH, SPRINT_PATH, scenarios))


def documents() -> str:
    """Return the example documents."""
    heads = (f"`{PRD_PATH}`:", f"`{SPRINT_PATH}`:", "The prompt that `rhctl goal` prints:")
    parts = zip(heads, ("markdown", "markdown", "text"), example_documents(), strict=True)
    return "".join(f"{head}\n\n````{kind}\n{text.rstrip()}\n````\n\n" for head, kind, text in parts)


PARTS: Mapping[str, Callable[[], str]] = {
    "checks": checks,
    "codes": codes,
    "commands": commands,
    "denied": denied,
    "documents": documents,
    "profiles": profiles,
    "settings": settings,
    "setups": setups,
    "shapes": shapes,
    "tools": tools,
    "verbs": verbs,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
