"""Names from outside, made safe to print.

A repository or a file may be named to drive a terminal (ANSI), to read backwards (RTL marks), to hide
(zero-width) or to look like another line (newline). Lists, logs and terminals print names through here.
"""

from __future__ import annotations

# Zero-width and bidirectional controls are printable in Unicode's eyes, but not in a reader's.
_HIDDEN = {
    0x00AD, 0x061C, 0x180E, 0xFEFF,
    *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), *range(0xFFF9, 0xFFFC),
}  # fmt: skip


def is_plain(text: str) -> bool:
    """Say whether `text` prints as itself."""
    if text.isascii():
        return text.isprintable()
    return text.isprintable() and not any(ord(c) in _HIDDEN for c in text)


def escape(text: str) -> str:
    r"""Return `text` with everything that does not print as itself written as `\x1b` or `\u202e`."""
    if is_plain(text):
        return text
    return "".join(c if is_plain(c) else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
