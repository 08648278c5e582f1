"""Assignments that give a secret its value: `API_KEY=…`, `"token": "…"`, `- **Password**: …`, `Bearer …`.

Found by the name, judged by the value: plans speak of tokens, secrets and passwords all the time
(`max_tokens: 4096`, `token: string`, `password: see vault`) and must stay readable.

Linear in time: a keyword is searched for, what stands around it is matched with bounded, possessive pieces.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import NamedTuple

# word -> kind. In lower case: the text is searched in lower case, which is ten times faster than ignoring case.
_KEYWORDS = {
    "key": "key",
    "password": "password",
    "passwd": "password",
    "passphrase": "password",
    "passcode": "password",
    "pwd": "password",
    "secret": "secret",
    "credential": "secret",
    "token": "token",
    "_auth": "token",
    "bearer": "authorization",
    "basic": "authorization",
}
_KEYWORD = re.compile("|".join(_KEYWORDS))
_KEY_OF = re.compile(r"(?:api|access|account|encryption|private|secret|service|signing)[ _-]?\Z", re.IGNORECASE)
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_NAME_CHARS = string.ascii_letters + string.digits + "_.$-"
_MAX_NAME = 60
# The rest of the name, what closes it, the sign between, what opens the value. `\\` for JSON within a string.
_SIGN = re.compile(
    r"(?P<rest>[A-Za-z0-9_.-]{0,40}+)"
    r"[\\\])\"'`*]{0,5}+"
    r"[ \t]{0,8}+"
    r"(?P<sign>:=|=>|->|[:=|])"
    r"[ \t]{0,8}+"
    r"[*]{0,2}+[ \t]{0,8}+"
)
_CREDENTIALS = re.compile(r"[ \t]{1,4}+([A-Za-z0-9._~+/-]{16,}+=*+)")
_FLAG_SIGN = re.compile(r"(?P<rest>[A-Za-z0-9_-]{0,40}+)(?P<sign>[ \t]{1,4}+)(?![-|&;>])")
_QUOTED = re.compile(
    r"""
    "(?P<double>(?:[^"\\\r\n]|\\.)++)" | '(?P<single>(?:[^'\\\r\n]|\\.)++)' | `(?P<code>[^`\r\n]++)`
    | \\"(?P<escaped>[^"\\\r\n]++)\\"
    """,
    re.VERBOSE,
)
# A value without quotes is judged by its beginning: one that names itself again and again must not cost its square.
_BARE = re.compile(r"[^\s\"'`\\]{1,64}+")
_BARE_END = re.compile(r"[^\s\"'`\\]*+")
_NEXT_FIELD = re.compile(r";[A-Za-z_]{1,40}+=")
_QUERY_END = re.compile(r"[^\s\"'`\\&#]*+")
_AT_LINE_START = re.compile(r"(?:^|[\r\n])[ \t>]*(?:[-+*] )?(?:\[[ xX]\] )?[*_\"'`]*\Z")
_AT_VALUE_END = re.compile(r"[\"'`]?[ \t]*(?:[,;}\])|#]|//|$)", re.MULTILINE)

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

# Look like weak passwords, but are what plans talk about.
_TERMS = frozenset((
    "1password", "argon2", "argon2d", "argon2i", "argon2id", "base32", "base58", "base64", "bcrypt2", "blake2b",
    "blake3", "ed25519", "es256", "hmac256", "hs256", "http2", "http3", "ipv4", "ipv6", "k8s", "md5sum", "oauth1",
    "oauth2", "pbkdf2", "pkcs12", "pkcs8", "rfc6749", "rfc7519", "rs256", "saml2", "sha1", "sha224", "sha256",
    "sha3", "sha384", "sha512", "step1", "step2", "step3", "totp30", "utf16", "utf8", "web2", "web3", "x25519",
    "x509",
))  # fmt: skip
_PLAIN_WORD = re.compile(r"[a-z]*[0-9]*|[A-Z]+[0-9]*|[A-Z]?[a-z]+(?:[A-Z][a-z]+)*[0-9]*|[0-9]+[A-Za-z]{0,3}")
_VARIABLE = re.compile(r"\$[A-Za-z_]\w*")
_HUMP = re.compile(r"[A-Z]")


class Assignment(NamedTuple):
    """Where a secret's value stands, and what kind of name it was given to."""

    start: int
    end: int
    kind: str


def find_assignments(text: str) -> Iterator[Assignment]:
    """Yield the assignments in `text` whose value looks like a secret, in order, none within another."""
    lowered = text.lower()
    if not any(word in lowered for word in _KEYWORDS):  # most texts have none, and that is quickly found out
        return
    if len(lowered) != len(text):  # some capitals are two letters when small
        lowered = text.translate(_ASCII_LOWER)
    done = 0
    for keyword in _KEYWORD.finditer(lowered):
        if keyword.start() < done or (
            keyword[0] == "key" and not _KEY_OF.search(text, max(0, keyword.start() - 12), keyword.start())
        ):
            continue
        found = _judge(text, keyword.start(), keyword.end(), _KEYWORDS[keyword[0]])
        if found is not None:
            done = found.end
            yield found


def _judge(text: str, keyword: int, keyword_end: int, kind: str) -> Assignment | None:
    if kind == "authorization":
        given = _CREDENTIALS.match(text, keyword_end)
        return Assignment(*given.span(1), kind) if given is not None and looks_random(given[1]) else None
    before = text[max(0, keyword - _MAX_NAME) : keyword]
    name_start = keyword - len(before) + len(before.rstrip(_NAME_CHARS))
    sign = _SIGN.match(text, keyword_end)
    if sign is None and text.startswith("-", name_start):
        sign = _FLAG_SIGN.match(text, keyword_end)
    if sign is None:
        return None
    rest = [word.lower() for word in _WORDS.findall(sign["rest"])]
    if rest and rest[-1] in _ABOUT:
        return None
    span = _value_span(text, sign.end(), in_query=text[max(0, name_start - 1) : name_start] in ("?", "&"))
    if span is None:
        return None
    start, end, is_quoted = span
    value = text[start:end]
    if is_placeholder(value):
        return None
    if looks_random(value):
        return Assignment(start, end, kind)
    if kind != "password" or not _STILL.issuperset(rest) or not _looks_chosen(value):
        return None
    # A chosen password is told from a word of prose by standing alone: `password: hunter2` and no more.
    stands_alone = _AT_LINE_START.search(text, max(0, name_start - 40), name_start) and _AT_VALUE_END.match(text, end)
    if not is_quoted and sign["sign"] in (":", "->", "|") and not stands_alone:
        return None
    return Assignment(start, end, kind)


def _value_span(text: str, at: int, *, in_query: bool) -> tuple[int, int, bool] | None:
    """Return where the value at `at` begins and ends, and whether in quotes."""
    if (quoted := _QUOTED.match(text, at)) is not None:
        return *quoted.span(quoted.lastgroup or 0), True
    bare = _BARE.match(text, at)
    if bare is None:
        return None
    end = bare.end()
    if end - at == 64 and looks_random(bare[0]):
        end = _BARE_END.match(text, at).end()  # type: ignore[union-attr]  # matches anything
    if (field := _NEXT_FIELD.search(text, at, end)) is not None:
        end = field.start()
    if in_query:
        end = min(end, _QUERY_END.match(text, at).end())  # type: ignore[union-attr]
    return at, at + len(text[at:end].rstrip(",;|)}]>.*")), False


def is_placeholder(value: str) -> bool:
    """Say whether `value` stands for a secret instead of being one: `<token>`, `${TOKEN}`, `***`, `changeme`."""
    if value.startswith(("<", "${", "$(", "{", "%", "[REDACTED", "(", "@")) or value.endswith((">", ")")):
        return True
    if _VARIABLE.fullmatch(value):
        return True
    lowered = value.lower()
    return (
        len(set(lowered)) <= 2
        or lowered.startswith(("your", "example", "change", "replace", "insert", "dummy", "placeholder", "xxx"))
        or lowered in {"pass", "password", "passwd", "pwd", "secret", "token", "user", "test", "hidden", "redacted"}
        or lowered.strip("_-").endswith(("_here", "-here"))
    )


def looks_random(value: str) -> bool:
    """Say whether a program made up `value`: what people write is made of plain words and numbers."""
    if len(value) < 12 or not value.isascii() or "://" in value or " " in value or "(" in value:
        return False
    odd = [word for word in re.split(r"[^A-Za-z0-9]+", value) if not _is_plain(word)]
    return sum(map(len, odd)) >= 10


def _is_plain(word: str) -> bool:
    if not _PLAIN_WORD.fullmatch(word):
        return False
    # Humps of CamelCase are words; those of random letters come at every other letter.
    return len(_HUMP.findall(word)) * 3 <= len(word) or word.isupper()


def _looks_chosen(value: str) -> bool:
    """Say whether a person may have chosen `value` as a password: letters with digits or signs, and no words."""
    if not 6 <= len(value) <= 128 or " " in value or value.lower() in _TERMS or "://" in value:
        return False
    if any(c in value for c in "()[]{}<>/\\") or re.fullmatch(r"[\w.+-]+@[\w-]+\.[\w.-]+", value):
        return False
    if re.fullmatch(r"[A-Za-z_]\w*(?:[.-][A-Za-z_]\w*)+", value):  # a name in a program, or words with hyphens
        return False
    has_letter, has_digit = any(map(str.isalpha, value)), any(map(str.isdigit, value))
    has_sign = any(c in "!@#$%^&*+=~?" for c in value)
    return (has_letter and (has_digit or has_sign)) or (has_digit and (has_sign or len(value) >= 8))
