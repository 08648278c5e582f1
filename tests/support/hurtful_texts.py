"""Texts that are expensive to search: long runs without a line end, near misses repeated, and openings that never end.

Like the corpus of secrets, they were written before their authors read the patterns that search them. `RUNS` are
repeated until a text has the wanted size; `DOCUMENTS` have a beginning, a repeated middle and an end; `GROWING` and
`SECRET` are made of lines that differ.
"""

import random
from collections.abc import Callable
from functools import partial

RUNS = {
    "one letter": "a",
    "one digit": "7",
    "spaces": " ",
    "tabs": "\t",
    "line ends": "\n",
    "blank lines of spaces": "   \n",
    "carriage returns": "\r",
    "carriage returns and line ends": "\r\n",
    "words on one line": "lorem ipsum dolor sit amet ",
    "words on lines": "lorem ipsum dolor sit amet\n",
    "letters and digits": "aA1",
    "hexadecimal digits": "0123456789abcdef",
    "Base64": "QWxhZGRpbjpvcGVuc2VzYW1l",
    "Base64 with padding": "QWxhZGRpbg==",
    "underscores": "_",
    "hyphens": "-",
    "dots": ".",
    "letter and dot": "a.",
    "letter and hyphen": "a-",
    "letter and underscore": "a_",
    "equals signs": "=",
    "letter and equals sign": "a=",
    "name and equals sign": "password=",
    "name, equals sign and space": "password= ",
    "name and quote": 'token="',
    "name and colon": "secret: ",
    "name and colon without space": "secret:",
    "joined names": "SECRET_KEY_",
    "names without values": "token password secret key ",
    "almost a value": "api_key=short ",
    "JSON names": '"password":',
    "JSON pairs": '"password":"",',
    "colons": ":",
    "slashes": "/",
    "backslashes": "\\",
    "single quotes": "'",
    "double quotes": '"',
    "escaped quotes": '\\"',
    "code marks": "`",
    "code marks and letters": "`a",
    "bars": "|",
    "bars and words": "| token ",
    "table rows": "| token | value |\n",
    "opening brackets": "[",
    "links that do not close": "[a](",
    "images that do not close": "![",
    "opening parentheses": "(",
    "angle brackets": "<",
    "tags that do not close": "<password>",
    "comments that do not close": "<!--",
    "comment ends": "-->",
    "address beginnings": "https://",
    "addresses with a user": "https://user:",
    "userinfo without host": "user:pass@",
    "at signs": "@",
    "connection strings": "AccountKey=;",
    "query parameters": "&token=",
    "stars": "*",
    "star and space": "* ",
    "quote marks": "> ",
    "nested lists": "- ",
    "number signs": "#",
    "headings": "# a\n",
    "empty headings": "#\n",
    "checkboxes": "- [ ] a\n",
    "checkboxes on one line": "- [ ] ",
    "fences": "```\n",
    "fences on one line": "``` ",
    "tildes": "~",
    "rules": "---\n",
    "underlined headings": "a\n---\n",
    "private key beginnings": "-----BEGIN PRIVATE KEY-----",
    "private key beginnings on lines": "-----BEGIN RSA PRIVATE KEY-----\n",
    "private key ends": "-----END PRIVATE KEY-----\n",
    "halves of private key beginnings": "-----BEGIN ",
    "JSON web token beginnings": "eyJ",
    "JSON web token parts": "eyJhbGciOiJIUzI1NiJ9.",
    "GitHub token beginnings": "ghp_",
    "GitHub token beginnings and spaces": "ghp_ ",
    "OpenAI key beginnings": "sk-",
    "AWS key beginnings": "AKIA",
    "Google key beginnings": "AIza",
    "Slack token beginnings": "xoxb-",
    "short Slack tokens": "xoxb-1 ",
    "authorization words": "Bearer ",
    "authorization headers": "Authorization: Basic ",
    "options": "--password ",
    "accents to combine": "e\u0301",
    "only combining accents": "\u0301",
    "letters outside ASCII": "ß",
    "wide characters": "漢",
    "emoji joined": "👩\u200d👩\u200d",
    "zero width spaces": "\u200b",
    "letters that change length in lower case": "İ",
    "line separators": "\u2028",
    "form feeds": "\f",
    "percent escapes": "%41",
    "character references": "&amp;",
    "broken character references": "&#",
    "JSON arrays that do not close": "[[",
    "JSON objects that do not close": '{"a":',
    "YAML lists": "- a: ",
    "YAML anchors": "&a [*a,",
    "commas": ",",
    "commas and numbers": "1,",
    "semicolons": ";",
    "dollar signs": "$",
    "braces": "{{",
    "ampersands": "&",
    "accents in the wrong order": "a\u0301\u0316\u0301\u0316",
    "link definitions": "[a]: <b> 'c'\n",
    "control characters": "\x01\x02\x1b",
    "closed comments": "<!---->",
    "prefixes of tokens in a row": "sk-ant-sk-proj-ghp_xoxb-AKIA",
    "hyphenated words": "re-use-of-token-key-",
    "identifiers in a row": "123e4567-e89b-42d3-a456-426614174000-",
    "dots and digits": "1.2.3.",
    "near misses of a status": "**Status ",
    "markers that do not close": "[REDACTED:github_token",
    "marks for writing from right to left": "\u202e\u2066a",
    "key id and space": "AKIAQWERTYUIOPASDFGH ",
    "flags": "\U0001f1e9\U0001f1ea",
    "fences with a card": "```\n### Card 1\n- [ ] a\n",
}

DOCUMENTS = {
    "front matter that does not end": ("---\n", "key: value\n", ""),
    "front matter with a long value": ('---\ntitle: "', "a", '"\n---\n# Title\n'),
    "front matter with a folded value": ("---\ntitle: >\n", "  words of a title\n", "---\n"),
    "front matter with nested lists": ("---\ntitle: ", "[", "\n---\n"),
    "front matter with many anchors": ("---\na: &a [x,x]\n", "b: &b [*a,*a]\n", "---\n"),
    "fence that does not close": ("# Title\n\n```\n", "password = value\n", ""),
    "comment that does not close": ("# Title\n\n<!-- ", "- [ ] a\n", ""),
    "private key that does not end": ("-----BEGIN PRIVATE KEY-----\n", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n", ""),
    "private key on one line that does not end": ("-----BEGIN PRIVATE KEY-----", "MIIEvQIBADANBgkqhkiG", ""),
    "value that does not end": ('password = "', "correct horse ", ""),
    "value without spaces": ("password=", "correcthorse", ""),
    "name before the value": ("", "long_name_", "password=value"),
    "spaces before the equals sign": ("password", " ", "= hunter2hunter2"),
    "token at the end of one line": ("", "x", " ghp_0123456789abcdefghijABCDEFGHIJ012345"),
    "tokens one after the other": ("", "ghp_0123456789abcdefghijABCDEFGHIJ012345 ", ""),
    "values one after the other": ("", "password=Tr0ub4dor-and-3 ", ""),
    "web tokens one after the other": ("", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlc2lnbmF0dXJl ", ""),
    "addresses with a password": ("", "postgres://user:Tr0ub4dor-and-3@db/shop ", ""),
    "address without a host": ("https://user:", "a", ""),
    "heading of one line": ("# ", "long title ", "\n"),
    "heading with code marks": ("# ", "`a` ", "\n"),
    "heading with closing signs": ("# a ", "#", "\n"),
    "cell of a table": ("| token | value |\n| --- | --- |\n| ", "cell ", "|\n"),
    "table of one row": ("", "| a ", "|\n"),
    "text before a checkbox": ("", " ", "- [ ] a\n"),
    "checkbox of one line": ("- [ ] ", "task ", "\n"),
    "nested JSON": ("", '{"a":', "1"),
    "string in JSON": ('{"status": "', "a", '"}'),
    "status at the end of JSON": ('{"log": "', "a ", '", "status": "passed"}'),
    "escapes in a JSON string": ('{"log": "', "\\n", '"}'),
    "long number in JSON": ('{"status": ', "1", "}"),
    "pairs in JSON": ('{"status": "passed", "x": {', '"a": 1, ', '"b": 2}}'),
    "letters before a dot": ("", "A", ".atlasv1."),
    "hexadecimal digits before a hyphen": ("", "0a", "-us12"),
    "digits before a colon": ("", "1", ":AA"),
    "accents without a letter": ("a", "\u0301\u0316", ""),
    "comment around each word": ("# ", "<!--a-->b", ""),
    "front matter of half a text": ("---\n", "key: value\n", "title: End\n---\n# T\n"),
    "front matter with a title in its last line": ("---\n" + "a: b\n" * 13000 + "title: 'x\n", "  y\n", ""),
    "address with many fields": ("https://a.example/?", "token=ab&", ""),
    "near misses of a status behind a word": ("x", "**Status: ", ""),
    "heading of spaces": ("#", " ", ""),
    "tabs before a checkbox": ("", "\t", "- [ ] x\n"),
    "backslashes before a quote": ('password="', "\\\\", '"'),
    "JSON of short strings": ('{"a":[', '"",', '""],"status":"ok"}'),
    "table of many columns": ("|" + "token|" * 20_000 + "\n|" + "-|" * 20_000 + "\n", "|hunter2Hunter2", "|\n"),
}

GROWING: dict[str, Callable[[int], str]] = {
    "code marks in longer and longer runs": lambda n: "`" * (n + 1) + " ",
    "deeper and deeper quotes": lambda n: ">" * (n % 3000) + " a\n",
    "deeper and deeper lists": lambda n: "  " * (n % 2000) + "- a\n",
    "front matter of aliases": lambda n: f"a{n}: &a{n} [*a{n - 1},*a{n - 1}]\n" if n else "---\n",
    "JSON of many names": lambda n: f'{"{" if n == 0 else ","}"k{n}":{n}',
    "headings of cards": lambda n: f"### Card {n}: a\n- [ ] b\n",
    "headings of one card": lambda n: f"### Card 1: a{n}\n- [ ] b\n",
    "rows of a backlog": lambda n: f"| {n} | [x] |\n" if n else "| # | Status |\n|---|---|\n",
}
SECRET = {
    "a secret in each line": "KEY_@_SECRET={}\n",
    "a secret in each row": "| a | Tr0ub4dor{} |\n",
    "a private key after the other": "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
    "Base64 in lines": "{}{}{}\r\n",
    "data in an address": "{}{}{}{}",
}
"""Lines that are filled with random letters."""


def hurtful_texts(size: int) -> dict[str, Callable[[], str]]:
    """Returns what makes each text, by its name; each has about `size` UTF-8 bytes."""
    texts: dict[str, Callable[[], str]] = {name: partial(_filled, "", run, "", size) for name, run in RUNS.items()}
    texts |= {name: partial(_filled, *parts, size) for name, parts in DOCUMENTS.items()}
    texts |= {name: partial(_grown, line, size) for name, line in GROWING.items()}
    texts |= {name: partial(_drawn, line, size) for name, line in SECRET.items()}
    rng = random.Random(size)
    texts["random printable characters"] = lambda: "".join(rng.choices([chr(code) for code in range(32, 127)], k=size))
    texts["random letters and digits"] = lambda: "".join(rng.choices(ALNUM, k=size))
    texts["random pieces"] = lambda: (
        "".join(rng.choices(list(RUNS.values()), k=size // 8)).encode()[:size].decode("utf-8", "ignore")
    )
    return texts


ALNUM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def _filled(before: str, run: str, after: str, size: int) -> str:
    times = max(1, (size - len((before + after).encode())) // len(run.encode()))
    return before + run * times + after


def _grown(line: Callable[[int], str], size: int) -> str:
    parts, length = list[str](), 0
    while length < size:
        parts.append(line(len(parts)))
        length += len(parts[-1])
    return "".join(parts)[:size]


def _drawn(line: str, size: int) -> str:
    rng, parts, length = random.Random(line), ["| name | password |\n|---|---|\n"], 0
    while length < size:
        drawn = line.format(*("".join(rng.choices(ALNUM, k=24)) for _ in range(line.count("{}"))))
        parts.append(drawn.replace("@", str(len(parts))))
        length += len(parts[-1])
    return "".join(parts)[:size]
