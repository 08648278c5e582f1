"""What a run has done so far, as the agent's own output tells it; the same for every agent."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_FILES = 500
MAX_TEXT_CHARS = 16_000
"""Of a message that is kept; what is shown to a client is cut much shorter."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that the agent did, for the owner: it can hold source code.

    Attributes:
        kind: `command`, `file`, `message`, `tool`, `denied`, `plan`, `note` or `error`.
        text: the command, the path, the words.
        status: `started`, `ok` or `failed`; None where it has none.
        output: the end of a command's output.
        exit_code: of a command, where the agent tells it.
    """

    kind: str
    text: str
    status: str | None = None
    output: str | None = None
    exit_code: int | None = None


@dataclass(slots=True)
class RunProgress:
    """What the events so far add up to.

    Attributes:
        session: the agent's own name for the run, with which its user can resume it.
        commands: how many commands have ended.
        commands_failed: how many of them failed.
        denied: how many actions were refused for want of a permission.
        tools: how many other tools were called.
        files: the files that the agent says it changed, as it named them.
        messages: how many messages it wrote.
        last_message: the newest message.
        running: the commands and tools that have begun and not ended, by the agent's id.
        is_last_command_failed: the command that ended last failed.
        input_tokens: as the agent counts them.
        output_tokens: likewise.
        problem: what the agent itself says went wrong.
        problem_kind: the reason that stands for it (`rhd.runner.outcome`), where the agent gives one as data.
        has_ended: the stream has told how it ended.
        is_waiting: the newest event only says that the agent tries to reach its model again.
    """

    session: str | None = None
    commands: int = 0
    commands_failed: int = 0
    denied: int = 0
    tools: int = 0
    files: list[str] = field(default_factory=list)
    messages: int = 0
    last_message: str | None = None
    running: dict[str, str] = field(default_factory=dict)
    is_last_command_failed: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    problem: str | None = None
    problem_kind: str | None = None
    has_ended: bool = False
    is_waiting: bool = False

    @property
    def current(self) -> str | None:
        """The command or tool that began last and has not ended."""
        return next(reversed(self.running.values()), None)

    def end_command(self, id_: str, *, is_failed: bool) -> None:
        """Count a command that has ended."""
        self.running.pop(id_, None)
        self.commands += 1
        self.commands_failed += is_failed
        self.is_last_command_failed = is_failed

    def add_file(self, path: str) -> None:
        """Note a file that the agent changed."""
        if path not in self.files and len(self.files) < MAX_FILES:
            self.files.append(path)

    def add_message(self, text: str) -> None:
        """Note a message of the agent."""
        self.messages += 1
        self.last_message = text[:MAX_TEXT_CHARS]


def tail(text: str, chars: int = 4000) -> str:
    """Return the end of a command's output, where its result stands; what was cut is marked."""
    return text if len(text) <= chars else "…" + text[-chars:]


def text_of(value: object) -> str:
    """Return a value of an agent's event if it is text; an event is another program's, and may hold anything."""
    return value if isinstance(value, str) else ""
