"""Whether a value is a secret, by what it looks like: made up by a program, chosen by a person, or neither.

Plans speak of tokens, secrets and passwords all the time, so a value must look like one to be taken for one.
"""

from __future__ import annotations

import re
from base64 import b64decode
from itertools import pairwise
from typing import NamedTuple


class Secret(NamedTuple):
    """Where a secret stands in a text, and what it is."""

    start: int
    end: int
    type: str


# What stands for a secret as a whole: `<token>`, `{{ token }}`, `$TOKEN`, `%TOKEN%`. Cut at a space it is not closed.
_BRACKETED = re.compile(
    r"<[^<>]*>?|[$@#]?\{[^{}]*\}?|\{\{.*|\$\(.*|\[REDACTED\b.*"
    r"|\$(?:[A-Z_][A-Z0-9_]*|[a-z_][a-z0-9_]*)|%\w*%|%s|%\(\w+\)s|@\w*@?",
    re.DOTALL,
)
_FILLED_IN_LATER = re.compile(
    r"x{3,}.*|your(?:[_. -].*|(?:api|app|auth|key|pass|secret|token).*)?|(?:changeme|replaceme|replacethis).*"
    r"|(?:change|dummy|example|fake|insert|placeholder|replace)(?:[_. -].*)?|.*[_-]here[_-]*",
    re.DOTALL,
)
_SAID_OPENLY = frozenset((
    "admin", "changeme", "guest", "hidden", "minioadmin", "pass", "passwd", "password", "postgres", "pwd", "redacted",
    "root", "secret", "test", "token", "user",
))  # fmt: skip
# Of which documentation is full, as `AKIAIOSFODNN7EXAMPLE`.
_EXAMPLE_ENDINGS = ("EXAMPLE", "EXAMPLEKEY", "EXAMPLETOKEN")
# Shorter ones that end in dots are shown cut off; longer ones give too much away all the same.
_MAX_CUT = 40


def is_placeholder(value: str) -> bool:
    """Say whether `value` stands for a secret instead of being one: `<token>`, `${TOKEN}`, `***`, `changeme`."""
    if _BRACKETED.fullmatch(value) or value.endswith(_EXAMPLE_ENDINGS):
        return True
    if value.endswith(("...", "…")) and len(value) < _MAX_CUT:
        return True
    lowered = value.lower()
    return len(set(lowered)) <= 2 or lowered in _SAID_OPENLY or _FILLED_IN_LATER.fullmatch(lowered) is not None


_RUN = re.compile(r"V[0-9]+\Z|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NOT_ALNUM = re.compile(r"[^A-Za-z0-9]+")
_ONE_CASE = re.compile(r"[0-9a-z]{16,}|[0-9A-Z]{16,}")


def looks_random(value: str) -> bool:
    """Say whether a program made up `value`: what people write is made of plain words and numbers."""
    if len(value) < 12 or not value.isascii() or "://" in value or " " in value:
        return False
    return sum(len(word) for word in _NOT_ALNUM.split(value) if not _is_plain(word)) >= 10


def _is_plain(word: str) -> bool:
    """Say whether a word is made of words and numbers (`Ed25519PrivateKey`); what is random changes all the time."""
    if word.isdecimal() or (word.islower() and word.isalpha()):
        return True
    runs = len(_RUN.findall(word))
    if runs > 4 and _ONE_CASE.fullmatch(word):
        return False
    return runs <= 2 or len(word) >= runs * (3.5 if len(word) >= 12 else 3)


def looks_issued(value: str) -> bool:
    """Say whether `value` is random beyond doubt, as a word in a sentence has to be: no commit, no id, no name."""
    return (
        len(value) >= 20
        and looks_random(value)
        and re.search("[A-Z]", value) is not None
        and re.search("[a-z]", value) is not None
        and re.search("[0-9]", value) is not None
    )


_NAME_PART = re.compile(r"(?:[A-Z]?[a-z]+|[A-Z]+)[0-9]{0,4}|[0-9]{1,6}")


def is_issued(body: str) -> bool:
    """Say whether what follows an issuer's prefix is a token: no placeholder (`xxxx`) and no name (`for_the_ci`)."""
    if is_placeholder(body):
        return False
    if looks_random(body):
        return True
    if len(set(body)) <= 6:
        return False
    steps = sum(ord(after) - ord(before) == 1 for before, after in pairwise(body))
    if steps > len(body) // 2:  # abcdef…, 1234567890
        return False
    parts = [part for part in _NOT_ALNUM.split(body) if part]
    return len(parts) == 1 or not all(map(_NAME_PART.fullmatch, parts))


# Look like weak passwords, but are what plans talk about.
_TERMS = frozenset((
    "1password", "argon2", "argon2d", "argon2i", "argon2id", "base32", "base58", "base64", "bcrypt2", "blake2b",
    "blake3", "ed25519", "es256", "hmac256", "hs256", "http2", "http3", "ipv4", "ipv6", "k8s", "md5sum", "oauth1",
    "oauth2", "pbkdf2", "pkcs12", "pkcs8", "rfc6749", "rfc7519", "rs256", "saml2", "sha1", "sha224", "sha256",
    "sha3", "sha384", "sha512", "step1", "step2", "step3", "totp30", "utf16", "utf8", "web2", "web3", "x25519",
    "x509",
))  # fmt: skip
_NO_PASSWORD = re.compile(
    r"""
      [\w.+-]+@[\w-]+\.[\w.-]+                     # an address
    | [A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+              # a name in a program
    | (?:arg|field|form|hash|hashed|input|param|pw|undefined|value|var)(?:_?(?:hash|password|pw|value))?_?\d*
    | ![A-Za-z]+                                   # a tag of YAML
    | [A-Z]+-\d[\d.]*                              # RFC-2617, US-3.2
    | [A-Z]{2,}\d?(?:[+/&][A-Z]{2,}\d?)+           # SSO+MFA
    | [A-Za-z]+\d+(?:\.\d+)+                       # OAuth2.1
    | \$?(?:argon2|bcrypt|pbkdf2|scrypt)\w*[:$].*  # how it is hashed
    """,
    re.VERBOSE,
)
_HYPHENATED = re.compile(r"[A-Za-z_]\w*(?:[.-][A-Za-z_]\w*)+")
_LAST_LATIN = "\u024f"
_SIGNS = "!@#$%^&*+=~?"


def looks_chosen(value: str, *, is_quoted: bool) -> bool:
    """Say whether a person may have chosen `value` as a password: letters with digits or signs, and no words."""
    if not 6 <= len(value) <= 128 or max(value) > _LAST_LATIN or value.lower() in _TERMS:
        return False
    if _NO_PASSWORD.fullmatch(value) or value.endswith(":") or any(c in value for c in " ()[]{}<>/\\"):
        return False
    has_letter, has_digit = any(map(str.isalpha, value)), any(map(str.isdigit, value))
    if _HYPHENATED.fullmatch(value):  # words with hyphens, unless capitals and digits are among them
        return is_quoted and has_digit and any(map(str.isupper, value)) and any(map(str.islower, value))
    has_sign = any(c in _SIGNS for c in value)
    return (has_letter and (has_digit or has_sign)) or (has_digit and (has_sign or len(value) >= 8))


def looks_strong(value: str) -> bool:
    """Say whether a password that looks chosen has everything that such rules ask for, as hardly any word has."""
    kinds = (str.isupper, str.islower, str.isdigit, _SIGNS.__contains__)
    return len(value) >= 8 and all(any(map(kind, value)) for kind in kinds)


def is_basic(value: str) -> bool:
    """Say whether `value` is what HTTP's Basic authentication sends: a name and a password, in base64."""
    try:
        name, colon, password = b64decode(value + "=" * (-len(value) % 4), validate=True).decode().partition(":")
    except ValueError:
        return False
    return bool(colon) and (name + password).isprintable() and password != name and not is_placeholder(password)
