"""Secrets in text, found and replaced by what they were: `[REDACTED:github_token]`, the syntax around them kept.

Three kinds: blocks (PEM and PGP private keys), shapes that their issuers made recognisable, and values assigned to
telling names (`rhd.workflow.assignments`). Every pattern is linear; a text may come from a stranger.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from rhd.workflow.assignments import find_assignments, is_placeholder, looks_random

_CHUNK_CHARS = 1 << 16


class Redacted(NamedTuple):
    """A text without its secrets, and how many of each type there were."""

    text: str
    counts: Mapping[str, int]


def redact(text: str) -> Redacted:
    """Return `text` with every secret that is found replaced by `[REDACTED:type]`."""
    counts: Counter[str] = Counter()
    if "-----BEGIN " in text:
        text = _redact_blocks(text, counts)
    # In pieces: a regular expression holds the interpreter for as long as it runs, and other threads with it.
    parts = [_redact_piece(piece, counts) for piece in _pieces(text)]
    return Redacted(parts[0] if len(parts) == 1 else "".join(parts), dict(counts))


class _Shape(NamedTuple):
    """A recognisable secret. The group `secret`, or else the whole match, is what is replaced.

    Attributes:
        type: stands in the replacement and in the counts.
        marks: the pattern is only tried if one of these stands in a word that is long enough.
        pattern: bounded or possessive throughout.
        check: whether what matched is one, if the pattern alone does not say.
    """

    type: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]
    check: Callable[[str], bool] | None = None


def _shape(type_: str, marks: str, pattern: str, check: Callable[[str], bool] | None = None) -> _Shape:
    return _Shape(type_, tuple(marks.split()), re.compile(rf"(?<![A-Za-z0-9_]){pattern}"), check)


def _is_no_placeholder(value: str) -> bool:
    return not is_placeholder(value)


# The first that matches names the type, so what is more special stands first.
_SHAPES = (
    _shape("age_key", "AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[A-Z0-9]{40,}+"),
    _shape("anthropic_key", "sk-ant-", r"sk-ant-[A-Za-z0-9_-]{16,}+"),
    _shape("openai_key", "sk-", r"sk-(?:proj|svcacct|admin|or-v1|None)-[A-Za-z0-9_-]{16,}+", looks_random),
    _shape("openai_key", "sk-", r"sk-[A-Za-z0-9]{20,}+", looks_random),
    _shape("github_token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{30,}+"),
    _shape("github_token", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,}+"),
    _shape("gitlab_token", "glpat- gldt- glrt- glptt-", r"gl(?:pat|dt|rt|ptt)-[\w.-]{18,}+"),
    _shape("slack_token", "xox xapp-", r"(?:xox[abceoprs]|xapp)-[A-Za-z0-9-]{10,}+", looks_random),
    _shape("slack_webhook", "hooks.slack.com/", r"hooks\.slack\.com/(?:services|workflows)/(?P<secret>[\w/-]{20,}+)"),
    _shape("aws_key_id", "AKIA ASIA", r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _shape("google_key", "AIza", r"AIza[A-Za-z0-9_-]{35}"),
    _shape("google_token", "ya29.", r"ya29\.[A-Za-z0-9_-]{20,}+"),
    _shape("google_secret", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{20,}+"),
    _shape("npm_token", "npm_", r"npm_[A-Za-z0-9]{30,}+", looks_random),
    _shape("pypi_token", "pypi-", r"pypi-[A-Za-z0-9_-]{50,}+", looks_random),
    _shape("huggingface_token", "hf_", r"hf_[A-Za-z0-9]{30,}+", looks_random),
    _shape("stripe_key", "k_live_ k_test_", r"[sr]k_(?:live|test)_[A-Za-z0-9]{10,}+"),
    _shape("stripe_secret", "whsec_", r"whsec_[A-Za-z0-9+/=]{24,}+"),
    _shape("sendgrid_key", "SG.", r"SG\.[A-Za-z0-9_-]{16,}+\.[A-Za-z0-9_-]{32,}+"),
    _shape("twilio_key", "SK", r"SK[0-9a-f]{32}(?![A-Za-z0-9])"),
    _shape("digitalocean_token", "_v1_", r"do[op]_v1_[0-9a-f]{40,}+"),
    _shape("docker_token", "dckr_pat_", r"dckr_pat_[A-Za-z0-9_-]{20,}+"),
    _shape("vault_token", "hvs. hvb.", r"hv[sb]\.[A-Za-z0-9_-]{24,}+"),
    _shape("shopify_token", "shp", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    _shape("databricks_token", "dapi", r"dapi[0-9a-f]{32}"),
    _shape("linear_key", "lin_api_", r"lin_api_[A-Za-z0-9]{30,}+"),
    _shape("notion_token", "ntn_", r"ntn_[A-Za-z0-9]{30,}+"),
    _shape("telegram_token", ":AA", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    _shape("repo_harness_token", "rh_", r"rh_[a-z]{2}_[A-Za-z0-9_-]{20,}+", looks_random),
    _shape("jwt", "eyJ", r"(?<!-)eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+){1,3}+"),
    _Shape("password", ("://",), re.compile(r"://[^\s:/?#@\"'<>`]{0,64}+:(?P<secret>[^\s\"'<>`/?#]{1,256})@"),
           _is_no_placeholder),
)  # fmt: skip

# What an AWS key id is a name for usually stands near it, with or without a telling name.
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
_AWS_NEAR_CHARS = 200


# Nearly all words of a text are shorter than any secret, so that what all shapes are sought in is only a few words.
_MIN_WORD_CHARS = 12


def _redact_piece(text: str, counts: Counter[str]) -> str:
    words = [word for word in text.split() if len(word) >= _MIN_WORD_CHARS]
    if words:
        long_words = " ".join(words)
        for shape in _SHAPES:
            if any(mark in long_words for mark in shape.marks):
                if shape.type == "aws_key_id":
                    text = _redact_aws_secrets(text, shape, counts)
                text = _replace(text, _matches(shape, text), counts)
    return _replace(text, ((a.start, a.end, a.kind) for a in find_assignments(text)), counts)


def _matches(shape: _Shape, text: str) -> Iterator[tuple[int, int, str]]:
    group = "secret" if "secret" in shape.pattern.groupindex else 0
    for match in shape.pattern.finditer(text):
        if shape.check is None or shape.check(match[group]):
            yield *match.span(group), shape.type


def _redact_aws_secrets(text: str, shape: _Shape, counts: Counter[str]) -> str:
    found, done = [], 0
    for key_id in shape.pattern.finditer(text):
        end = key_id.end() + _AWS_NEAR_CHARS
        for secret in _AWS_SECRET.finditer(text, max(done, key_id.end()), end):
            if looks_random(secret[0]) and not re.fullmatch(r"[0-9a-f]{40}", secret[0]):  # a commit, not a secret
                found.append((*secret.span(), "aws_secret"))
                done = secret.end()
    return _replace(text, iter(found), counts)


def _replace(text: str, spans: Iterator[tuple[int, int, str]], counts: Counter[str]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, type_ in spans:
        parts += (text[at:start], f"[REDACTED:{type_}]")
        at = end
        counts[type_] += 1
    return "".join((*parts, text[at:])) if parts else text


_FENCE = re.compile(r"-----(?P<what>BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_MATERIAL = re.compile(r"[A-Za-z0-9+/=]{32}")


def _redact_blocks(text: str, counts: Counter[str]) -> str:
    return _replace(text, _blocks(text), counts)


def _blocks(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the private keys: from BEGIN to its END, or, cut off, as far as lines look like key material."""
    begin: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if begin is not None:
            is_end = fence["what"] == "END"
            body_end = fence.start()
            if _KEY_MATERIAL.search(text, begin.end(), body_end):
                end = fence.end() if is_end else _material_end(text, begin.end(), body_end)
                yield begin.start(), end, "private_key"
            begin = None
        if fence["what"] == "BEGIN":
            begin = fence
    if begin is not None and _KEY_MATERIAL.search(text, begin.end()):
        yield begin.start(), _material_end(text, begin.end(), len(text)), "private_key"


_MATERIAL_LINE = re.compile(
    r"(?:\\[rn]|[\s>#*\"',])*+(?:[A-Za-z0-9+/=]{20,}+|(?:Proc-Type|DEK-Info|Version|Comment):[^\r\n]*+)"
)


def _material_end(text: str, start: int, end: int) -> int:
    while (line := _MATERIAL_LINE.match(text, start, end)) is not None:
        start = line.end()
    return start


def _pieces(text: str) -> Iterator[str]:
    """Yield `text` in pieces of about 64 Ki characters that end where a line does."""
    at = 0
    while len(text) - at > 2 * _CHUNK_CHARS:
        end = text.find("\n", at + _CHUNK_CHARS) + 1
        if not end:
            break
        yield text[at:end]
        at = end
    yield text[at:] if at else text
