"""Assignments that give a secret its value: `API_KEY=…`, `"token": "…"`, `- **Password**: …`, `Bearer …`.

Found by the name, decided by the value: plans speak of tokens, secrets and passwords all the time
(`max_tokens: 4096`, `token: string`, `password: see vault`) and must stay readable.

Linear in time: a keyword is searched for, what stands around it is matched with bounded, possessive pieces.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

from rhd.workflow.redaction.heuristics import (
    Secret,
    is_basic,
    is_placeholder,
    looks_chosen,
    looks_issued,
    looks_random,
    looks_strong,
)

# In lower case: the text is searched in lower case, which is ten times faster than ignoring case. With common
# beginnings taken out, and without what is not Latin where all the text is ASCII: that halves the search.
_LATIN = (
    "key|p(?:ass(?:word|wd|phrase|code)|wd)|se(?:cret|ss(?:ionid|ion|id))|credential|token|_auth"
    "|authorization|b(?:earer|asic)|_p(?:ass|w|at)(?![a-z])"
)
_KEYWORD_IN_ASCII = re.compile(_LATIN)
_KEYWORD = re.compile(f"{_LATIN}|密钥|密码|口令|令牌")
# What a keyword names, if not itself.
_KINDS = {
    "密钥": "secret",
    "passwd": "password",
    "passphrase": "password",
    "passcode": "password",
    "pwd": "password",
    "_pass": "password",
    "_pw": "password",
    "_pat": "token",
    "密码": "password",
    "口令": "password",
    "credential": "secret",
    "_auth": "token",
    "令牌": "token",
    "sessionid": "session",
    "sessid": "session",
}
_KEY_OF = (
    "access", "account", "api", "app", "auth", "encryption", "master", "private", "secret", "service", "signing",
)  # fmt: skip
# Other names that end in `key` name a secret where the value is one beyond doubt, but for these.
_OPEN_KEY_OF = (
    "cache", "composite", "correlation", "dedup", "event", "foreign", "group", "hash", "idempotency", "index",
    "issue", "lookup", "object", "order", "partition", "primary", "project", "public", "recv", "registry",
    "restore", "routing", "row", "s3", "shard", "sort", "storage", "trace", "translation", "unique",
)  # fmt: skip
# Tokens that say where one is, not who: `next_page_token`, `progressToken`.
_TOKEN_OF = (
    "base", "cancellation", "continuation", "csrf", "cursor", "page", "pagination", "progress", "resume", "sync",
    "xsrf",
)  # fmt: skip
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_NAME_CHARS = string.ascii_letters + string.digits + "_.$-"
_MAX_NAME = 60
# The rest of the name, what closes it, the sign between, what opens the value. `\\` for JSON within a string.
_SIGN = re.compile(
    r"""
    (?P<rest>[A-Za-z0-9_.-]{0,40}+) [\\\])"'`*]{0,5}+ [ \t]{0,8}+
    (?P<sign>
        :[ \t]{0,4}+[A-Za-z_&][\w.\[\]<>|?& \t]{0,40}+(?<=[ \t])=(?![=>]) # typed: `token: str = `
      | ,?\s{0,40}+[\\"']{0,2}+[Vv]alue[\\"']{0,2}+[ \t]{0,4}+[:=]         # a pair: `"name": "TOKEN", "value": `
      | (?<=["']),(?=[ \t]{0,4}+["'])                                      # arguments: `set("token", "…")`
      | --(?:body|data|value)(?:=|(?=[ \t]))                               # `gh secret set TOKEN --body `
      | :=|=>|->|\?{1,2}=|\|\|=|:-|%3[ADad]|[:：=|>→]
    )
    [ \t]{0,8}+ [*]{0,2}+ [ \t]{0,8}+
    (?: (?:[|>][+-]?+)?+ [ \t]{0,8}+ \r?+\n [ \t]{1,40}+ )?+               # on the next line, indented
    (?: [bBrRfFuU@]{1,2}+(?=["']) )?+ (?: ""(?=") | ''(?=') )?+            # b"…", \"""…\"""
    (?P<call>[A-Za-z_][\w.:]{0,40}+\((?=["']))?+                           # SecretStr("…")
    """,
    re.VERBOSE,
)
_SIGNS_OF_PROSE = frozenset((":", "：", "->", "→", "|"))
# Nothing but space between, which is enough after a flag (`--token …`) and these commands.
_FLAG_SIGN = re.compile(r"(?P<rest>[A-Za-z0-9_-]{0,40}+)(?P<sign>[ \t]{1,4}+)(?!--|[|&;>])")
_COMMANDS = frozenset(("ENV", "setenv", "setx", "WITH", "#define"))
_COMMANDS_OF_TWO = frozenset(("login", "set", "ROLE", "USER"))
_MAX_COMMAND = 80
# Nor is more needed before a value beyond doubt: `setToken("…")`, `the API key is …`.
_LOOSE = re.compile(
    r"(?P<rest>[A-Za-z0-9_-]{0,40}+)(?P<mark>[*`\"']{0,3}+)(?:[ \t]{1,4}+(?:is[ \t]{1,4}+)?+|\()[\"'`]?+"
    r"(?P<value>[A-Za-z0-9_.~+/=-]{12,200}+)"
)
_SPOKEN = re.compile(
    r"[*`\"']{0,3}+[ \t]{1,4}+(?:(?:(?:at|for|in|of|on|to)[ \t]{1,4}+[\w.-]{1,30}+[ \t]{1,4}+){0,2}+is[ \t]{1,4}+)?+"
    r"[\"'`]?+(?P<value>[^\s\"'`]{8,64}+)"
)
_CONSTANT = re.compile(r"[A-Z][A-Z0-9]*+(?:_[A-Z0-9]++)++")
_QUOTED = re.compile(
    r"""
    "(?P<double>(?:[^"\\\r\n]|\\.)++)" | '(?P<single>(?:[^'\\\r\n]|\\.)++)' | `(?P<code>[^`\r\n]++)`
    | \\"(?P<escaped>[^"\\\r\n]++)\\"
    """,
    re.VERBOSE,
)
# A quoted value so long that its end is behind what is searched.
_UNCLOSED = re.compile(r"\\?[\"'`]([^\"'`\\\s]{1000,}+)\Z")
_ELEMENT = re.compile(r"[^<>\r\n]{1,4000}+(?=</)")
_MIN_VALUE = 6
# What no secret lacks: a first test, since texts may name secrets thousands of times.
_UNLIKE_NAMES = re.compile(r"[0-9A-Z]")
_UNLIKE_WORDS = re.compile(r"[0-9A-Z!@#$%^&*+=~?]")
_CLOSING = ",;|)}]>.*"
# A value without quotes is classified by its beginning, and only a secret is read to its end: otherwise a value that
# repeats its name again and again would take quadratic time.
_CLASSIFIED_CHARS = 64
_BARE = re.compile(rf"[^\s\"'`\\]{{1,{_CLASSIFIED_CHARS}}}+")
_NEXT_FIELD = re.compile(r";[A-Za-z_]{1,40}+=")
_BARE_REST = re.compile(rf"(?:(?!{_NEXT_FIELD.pattern})[^\s\"'`\\])*+")
_QUERY_REST = re.compile(rf"(?:(?!{_NEXT_FIELD.pattern})[^\s\"'`\\&#])*+")
_AT_LINE_START = re.compile(r"(?:^|[\r\n]|\\[nr])[ \t>|]*(?:(?:[-+*]|\d{1,3}\.) )?(?:\[[ xX]\] )?[*_\"'`:]*\Z")
_MAX_BEFORE = 40
_AT_VALUE_END = re.compile(r"[\"'`*]{0,2}[ \t]*(?:[,;}\])|#]|//|\\[nr\"]|\([^\r\n()]{1,60}\)[ \t]*$|$)", re.MULTILINE)
# What is sent after `Bearer`, `Basic` and in a header without either.
_CREDENTIALS = re.compile(r"[ \t]{1,4}+([A-Za-z0-9._~+/-]{8,}+=*+)")
_HEADER = re.compile(
    r"[\\\"'`*]{0,3}+[ \t]{0,4}+[:=][ \t]{0,4}+[\\\"'`*]{0,3}+(?!(?i:bearer|basic))(?:[A-Za-z]{3,12}+[ \t]{1,4}+)?+"
    r"[\"'`]?+([A-Za-z0-9._~+/-]{16,}+=*+)"
)
_HEX_KEY = re.compile(r"[0-9a-f]{32,128}|[0-9A-F]{32,128}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# Names that speak about a secret instead of giving one: their last words.
_ABOUT = frozenset((
    "algorithm", "at", "budget", "checksum", "class", "count", "digest", "endpoint", "env", "expiration", "expires",
    "expiry", "field", "file", "fingerprint", "format", "header", "id", "ids", "issuer", "kind", "label", "length",
    "lifetime", "limit", "max", "min", "model", "name", "names", "path", "paths", "policy", "prefix", "provider",
    "ref", "reference", "refs", "regex", "rotation", "scope", "scopes", "sha", "sha256", "size", "source", "store",
    "strategy", "template", "ttl", "type", "uri", "url", "usage", "validator", "version", "window",
))  # fmt: skip
# Words that may follow the keyword and leave a password a password.
_STILL = frozenset((
    "b64", "base64", "dev", "live", "local", "main", "plain", "prod", "production", "raw", "s", "secret", "staging",
    "string", "text", "value",
))  # fmt: skip
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def find_assignments(text: str) -> Iterator[Secret]:
    """Yield the assignments in `text` whose value looks like a secret, in order, none within another."""
    lowered = text.lower()
    if len(lowered) != len(text):  # some capitals are two letters when small
        lowered = text.translate(_ASCII_LOWER)
    done = 0
    for keyword in (_KEYWORD_IN_ASCII if text.isascii() else _KEYWORD).finditer(lowered):
        start, end = keyword.span()
        kind = _KINDS.get(keyword[0], keyword[0])
        if start < done:
            continue
        if kind == "key" and not _follows(lowered, start, _KEY_OF):
            if lowered[start - 1 : start] not in ("_", "-") or _follows(lowered, start, _OPEN_KEY_OF):
                continue
            kind = "other_key"
        if kind == "token" and _follows(lowered, start, _TOKEN_OF):
            continue
        found = (_judge_credentials if kind in _CREDENTIAL_KINDS else _judge)(text, start, end, kind)
        if found is not None:
            done = found.end
            yield found


def _follows(lowered: str, at: int, words: tuple[str, ...]) -> bool:
    """Say whether one of `words` stands before `at`, with or without a space, an underscore or a hyphen between."""
    end = at - 1 if lowered[at - 1 : at] in (" ", "_", "-") else at
    return lowered.endswith(words, max(0, end - _MAX_NAME), end)


def _follows_command(text: str, at: int) -> bool:
    words = text[max(0, at - _MAX_COMMAND) : at].rsplit(None, 2)
    return bool(words) and (words[-1] in _COMMANDS or (len(words) > 1 and words[-2] in _COMMANDS_OF_TWO))


_CREDENTIAL_KINDS = frozenset(("authorization", "bearer", "basic"))


def _judge_credentials(text: str, keyword: int, keyword_end: int, kind: str) -> Secret | None:
    given = (_HEADER if kind == "authorization" else _CREDENTIALS).match(text, keyword_end)
    if given is None or is_placeholder(given[1]):
        return None
    if kind == "bearer" and _UUID.fullmatch(given[1]):  # in a sentence, what bears a name
        is_secret = text[max(0, keyword - 3) : keyword].rstrip().endswith((":", "=", '"', "'", "`"))
    else:
        is_secret = is_basic(given[1]) if kind == "basic" else len(given[1]) >= 16 and looks_random(given[1])
    return Secret(*given.span(1), "authorization") if is_secret else None


def _judge(text: str, keyword: int, keyword_end: int, kind: str) -> Secret | None:
    before = text[max(0, keyword - _MAX_NAME) : keyword]
    name_start = keyword - len(before) + len(before.rstrip(_NAME_CHARS))
    if text.startswith("\\", name_start - 1) and name_start:  # the letter of an escape: `\npassword`
        name_start += 1
    sign = _SIGN.match(text, keyword_end)
    if sign is None and (text.startswith("-", name_start) or _follows_command(text, name_start)):
        sign = _FLAG_SIGN.match(text, keyword_end)
    if sign is None:
        loose = _LOOSE.match(text, keyword_end)
        if loose is not None and _is_loose(loose, text[name_start:keyword_end], kind):
            return Secret(*loose.span("value"), "key" if kind == "other_key" else kind)
        return _judge_spoken(text, keyword_end) if kind == "password" else None
    rest = [word.lower() for word in _WORDS.findall(sign["rest"])]
    if (rest and rest[-1] in _ABOUT) or (kind == "session" and sign[0] != sign["rest"] + "="):
        return None
    span = _value_span(text, sign, name_start)
    if span is None:
        return None
    start, end, is_quoted = span
    value = text[start:end]
    if len(value) < _MIN_VALUE or (_UNLIKE_WORDS if kind == "password" else _UNLIKE_NAMES).search(value) is None:
        return None
    if is_placeholder(value) or (not is_quoted and "(" in value):
        return None
    if kind == "other_key":
        return Secret(start, end, "key") if looks_issued(value) or _HEX_KEY.fullmatch(value) else None
    if looks_random(value) or (_UUID.fullmatch(value) and kind in ("key", "secret", "token")):
        if not is_quoted and len(value) == _CLASSIFIED_CHARS:
            end = _rest_end(text, start, end, name_start)
        return Secret(start, end, kind)
    if kind != "password" or not _STILL.issuperset(rest) or not looks_chosen(value, is_quoted=is_quoted):
        return None
    is_argument = sign.lastgroup == "call" or sign["sign"] == ","  # which is a name, more often than a password
    if is_argument and not looks_strong(value):
        return None
    is_certain = is_quoted or sign["sign"] not in _SIGNS_OF_PROSE or _stands_alone(text, name_start, start, end)
    return Secret(start, end, kind) if is_certain else None


def _is_loose(loose: re.Match[str], name: str, kind: str) -> bool:
    """Classify a value that follows a name without a sign between; less is required of it if it is a name alone."""
    value = loose["value"]
    if len(value) >= 20 and looks_issued(value):
        return True
    if not (_CONSTANT.fullmatch(name + loose["rest"]) or loose["mark"]):
        return False
    if kind == "other_key":
        return _HEX_KEY.fullmatch(value) is not None and not is_placeholder(value)
    rest = [word.lower() for word in _WORDS.findall(loose["rest"])]
    is_about = bool(rest) and rest[-1] in _ABOUT
    return not is_about and not is_placeholder(value) and (looks_random(value) or _UUID.fullmatch(value) is not None)


def _judge_spoken(text: str, at: int) -> Secret | None:
    """Return a password that a sentence gives: `the password is …`, as strong as no word is."""
    spoken = _SPOKEN.match(text, at)
    if spoken is None:
        return None
    value, start = spoken["value"].rstrip(".,;:)"), spoken.start("value")
    is_strong = (looks_strong(value) and looks_chosen(value, is_quoted=True)) or looks_issued(value)
    return Secret(start, start + len(value), "password") if is_strong and not is_placeholder(value) else None


def _stands_alone(text: str, name_start: int, start: int, end: int) -> bool:
    """Tell a chosen password from a word of prose: `password: hunter2` and no more, or one as strong as no word is."""
    if _AT_VALUE_END.match(text, end) is None:
        return False
    before = _AT_LINE_START.search(text, max(0, name_start - _MAX_BEFORE), name_start)
    return before is not None or looks_strong(text[start:end])


def _rest_end(text: str, start: int, at: int, name_start: int) -> int:
    """Return where a value without quotes ends that has been read from `start` to `at`."""
    rest = _QUERY_REST if _opener(text, name_start) in ("?", "&") else _BARE_REST
    return start + len(text[start : rest.match(text, at).end()].rstrip(_CLOSING))  # type: ignore[union-attr]


def _opener(text: str, name_start: int) -> str:
    return text[max(0, name_start - 1) : name_start]


def _value_span(text: str, sign: re.Match[str], name_start: int) -> tuple[int, int, bool] | None:
    """Return where the value after `sign` begins and ends, and whether something encloses it."""
    at, opener = sign.end(), _opener(text, name_start)
    if sign["sign"] == ">":
        element = _ELEMENT.match(text, at) if opener in ("<", '"', "'") else None
        return None if element is None else (*element.span(), True)
    if (quoted := _QUOTED.match(text, at)) is not None:
        return *quoted.span(quoted.lastgroup or 0), True
    if (unclosed := _UNCLOSED.match(text, at)) is not None:
        return *unclosed.span(1), True
    bare = _BARE.match(text, at)
    if bare is None:
        return None
    end = bare.end()
    if (field := _NEXT_FIELD.search(text, at, end)) is not None:
        end = field.start()
    if opener in ("?", "&"):
        end = _QUERY_REST.match(text, at, end).end()  # type: ignore[union-attr]
    value = text[at:end]
    closed = value.rstrip(_CLOSING) if len(value) < _CLASSIFIED_CHARS else value  # that one may go on
    if len(closed) < len(value) and is_placeholder(value):  # which may well end in brackets or dots
        return None
    return at, at + len(closed), False
