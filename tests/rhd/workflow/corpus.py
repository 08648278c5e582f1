"""Secrets and plans to try the redaction on. Secrets are put together at run time, so that none stands in a file.

Both are seeded: the same corpus every time, larger if asked for more.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ALNUM = string.ascii_letters + string.digits
URL_SAFE = ALNUM + "_-"
UPPER = string.ascii_uppercase + "234567"
BASE64 = ALNUM + "+/"
HEX = "0123456789abcdef"


class Planted(NamedTuple):
    """A text with a secret in it, of which no part may be left."""

    shape: str
    text: str
    parts: tuple[str, ...]


def _run(rng: random.Random, alphabet: str, length: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(length))


def _b64(rng: random.Random, length: int) -> str:
    return base64.b64encode(rng.randbytes(length)).decode()


def _b64url(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _jwt(rng: random.Random) -> str:
    claims = {"sub": _run(rng, ALNUM, 12), "exp": rng.randrange(10**9, 2 * 10**9)}
    return f"{_b64url({'alg': 'HS256', 'typ': 'JWT'})}.{_b64url(claims)}.{_run(rng, URL_SAFE, 43)}"


def _pem(rng: random.Random, kind: str) -> list[str]:
    """Return the lines of a private key, of which the last may be short."""
    dashes, words = "-" * 5, "PRIVATE" + " KEY"
    label = f"PGP {words} BLOCK" if kind == "PGP" else f"{kind} {words}".strip()
    body = _b64(rng, rng.randrange(200, 900))
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    headers = ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,00"] if kind == "RSA" and rng.random() < 0.3 else []
    return [f"{dashes}BEGIN {label}{dashes}", *headers, *lines, f"{dashes}END {label}{dashes}"]


def _chosen_password(rng: random.Random) -> str:
    word = rng.choice(["hunter", "Sommer", "dragon", "Tr0ub", "monkey", "letmein", "qwerty", "Passw0rt"])
    return word + rng.choice(["", "!", "#", "_"]) + str(rng.randrange(10, 9999)) + rng.choice(["", "!", "$", "?"])


# shape -> a secret as its issuer makes them.
SHAPES: dict[str, Callable[[random.Random], str]] = {
    "openai project": lambda r: "sk" + "-proj-" + _run(r, URL_SAFE, 120),
    "openai": lambda r: "sk" + "-" + _run(r, ALNUM, 20) + "T3Blbk" + "FJ" + _run(r, ALNUM, 20),
    "anthropic": lambda r: "sk" + "-ant-api03-" + _run(r, URL_SAFE, 93) + "AA",
    "openrouter": lambda r: "sk" + "-or-v1-" + _run(r, HEX, 64),
    "github classic": lambda r: "gh" + r.choice("pousr") + "_" + _run(r, ALNUM, 36),
    "github fine-grained": lambda r: "github" + "_pat_" + _run(r, ALNUM, 22) + "_" + _run(r, ALNUM, 59),
    "gitlab": lambda r: "gl" + "pat-" + _run(r, URL_SAFE, 20),
    "slack": lambda r: "xox" + r.choice("bp") + f"-{r.randrange(10**11, 10**12)}-" + _run(r, ALNUM, 24),
    "slack webhook": lambda r: f"T{_run(r, UPPER, 10)}/B{_run(r, UPPER, 10)}/{_run(r, ALNUM, 24)}",
    "aws id": lambda r: r.choice(["AK", "AS"]) + "IA" + _run(r, UPPER, 16),
    "google": lambda r: "AI" + "za" + _run(r, URL_SAFE, 35),
    "google oauth": lambda r: "GOC" + "SPX-" + _run(r, URL_SAFE, 28),
    "npm": lambda r: "np" + "m_" + _run(r, ALNUM, 36),
    "pypi": lambda r: "pyp" + "i-AgEIcHlwaS5vcmc" + _run(r, URL_SAFE, 150),
    "hugging face": lambda r: "h" + "f_" + _run(r, ALNUM, 34),
    "stripe": lambda r: r.choice("sr") + "k" + "_live_" + _run(r, ALNUM, r.choice([24, 99])),
    "sendgrid": lambda r: "S" + "G." + _run(r, URL_SAFE, 22) + "." + _run(r, URL_SAFE, 43),
    "twilio": lambda r: "S" + "K" + _run(r, HEX, 32),
    "digitalocean": lambda r: "do" + "p_v1_" + _run(r, HEX, 64),
    "vault": lambda r: "hv" + "s." + _run(r, URL_SAFE, 90),
    "telegram": lambda r: f"{r.randrange(10**9, 10**10)}:" + "AA" + _run(r, URL_SAFE, 33),
    "jwt": _jwt,
    "anthropic oauth": lambda r: "sk" + "-ant-oat01-" + _run(r, URL_SAFE, 80),
    "openai service": lambda r: "sk" + "-svcacct-" + _run(r, URL_SAFE, 60),
    "langfuse": lambda r: "sk" + "-lf-" + "-".join(_run(r, HEX, n) for n in (8, 4, 4, 4, 12)),
    "langsmith": lambda r: "lsv2" + "_pt_" + _run(r, HEX, 32) + "_" + _run(r, HEX, 10),
    "groq": lambda r: "gs" + "k_" + _run(r, ALNUM, 52),
    "xai": lambda r: "xa" + "i-" + _run(r, ALNUM, 80),
    "perplexity": lambda r: "pp" + "lx-" + _run(r, string.ascii_lowercase + string.digits, 48),
    "replicate": lambda r: "r" + "8_" + _run(r, ALNUM, 37),
    "nvidia": lambda r: "nv" + "api-" + _run(r, URL_SAFE, 64),
    "tavily": lambda r: "tv" + "ly-dev-" + _run(r, ALNUM, 32),
    "gitlab job": lambda r: "gl" + "cbt-64_" + _run(r, URL_SAFE, 20),
    "grafana": lambda r: "gl" + "sa_" + _run(r, ALNUM, 32) + "_" + _run(r, HEX, 8),
    "grafana cloud": lambda r: (
        "gl" + "c_" + base64.b64encode(json.dumps({"o": "1", "k": _run(r, ALNUM, 24)}).encode()).decode()
    ),
    "atlassian": lambda r: "AT" + "ATT3xFfGF0" + _run(r, URL_SAFE, 170) + "=" + _run(r, "0123456789ABCDEF", 8),
    "slack refresh": lambda r: "xox" + "e.xoxp-1-" + _run(r, ALNUM, 146),
    "slack app": lambda r: "xa" + f"pp-1-A{_run(r, UPPER, 10)}-{r.randrange(10**12, 10**13)}-" + _run(r, HEX, 64),
    "discord bot": lambda r: "M" + _run(r, ALNUM, 23) + "." + _run(r, ALNUM, 6) + "." + _run(r, URL_SAFE, 38),
    "discord webhook": lambda r: _run(r, URL_SAFE, 68),
    "firebase": lambda r: "APA" + "91b" + _run(r, URL_SAFE, 134),
    "supabase": lambda r: "sb" + "p_" + _run(r, HEX, 40),
    "supabase secret": lambda r: "sb" + "_secret_" + _run(r, URL_SAFE, 22) + "_" + _run(r, ALNUM, 8),
    "planetscale": lambda r: "psc" + "ale_pw_" + _run(r, URL_SAFE, 43),
    "vercel": lambda r: "vercel" + "_blob_rw_" + _run(r, ALNUM, 16) + "_" + _run(r, ALNUM, 30),
    "resend": lambda r: "r" + "e_" + _run(r, ALNUM, 8) + "_" + _run(r, ALNUM, 24),
    "posthog": lambda r: "ph" + "x_" + _run(r, ALNUM, 43),
    "sentry": lambda r: "sn" + "trys_" + _b64url({"url": "https://sentry.io"}) + "=_" + _run(r, BASE64, 43),
    "fly": lambda r: "fm" + "2_" + _run(r, BASE64, 200),
    "tailscale": lambda r: "ts" + "key-auth-" + _run(r, ALNUM, 16) + "-" + _run(r, ALNUM, 32),
    "figma": lambda r: "fi" + "gd_" + _run(r, URL_SAFE, 40),
    "pulumi": lambda r: "pu" + "l-" + _run(r, HEX, 40),
    "postman": lambda r: "PM" + "AK-" + _run(r, HEX, 24) + "-" + _run(r, HEX, 34),
    "new relic": lambda r: "NR" + "AK-" + _run(r, string.ascii_uppercase + string.digits, 27),
    "contentful": lambda r: "CF" + "PAT-" + _run(r, URL_SAFE, 43),
    "doppler": lambda r: "dp" + ".st.prd." + _run(r, ALNUM, 43),
    "terraform": lambda r: _run(r, ALNUM, 14) + ".atlas" + "v1." + _run(r, ALNUM, 67),
    "rubygems": lambda r: "ruby" + "gems_" + _run(r, HEX, 48),
    "square": lambda r: "sq0" + "csp-" + _run(r, URL_SAFE, 43),
    "shopify": lambda r: "shp" + "at_" + _run(r, HEX, 32),
    "databricks": lambda r: "da" + "pi" + _run(r, HEX, 32),
    "linear": lambda r: "lin" + "_api_" + _run(r, ALNUM, 40),
    "notion": lambda r: "nt" + "n_" + _run(r, ALNUM, 46),
    "azure signature": lambda r: _run(r, ALNUM, 43) + "%3D",
    "token in a url": lambda r: _run(r, ALNUM, 40),
}

# Shapes that only their place gives away.
OWN_PLACES = {
    "slack webhook": "https://hooks.slack.com/services/{}",
    "discord webhook": "POST https://discord.com/api/webhooks/886952727395622655/{}",
    "firebase": "to AAAAH8tUYCL:{}",
    "azure signature": "https://x.blob.core.windows.net/c?sv=2024-01-01&sig={}",
    "token in a url": "git clone https://{}@git.example.com/team/app",
}

# What stands around a secret that is recognisable by itself.
PLACES = (
    "{}",
    "Use {} for now.",
    "- [ ] Rotate `{}` before the release",
    'curl -H "X-Key: {}" https://api.example.com',
    '{{"value": "{}", "next": 1}}',
    "export SOMETHING={}",
    "| prod | {} | 2026 |",
    "({})",
    '{{"output": "npm ERR!\\n{}\\n"}}',
    '{{"output": "id\\t{}\\r\\n{}\\r\\n"}}',
    '{{"output": "\\u001b[32m{}\\u001b[0m"}}',
    "\x1b[1;32m{}\x1b[0m",
    "callback=https%3A%2F%2Fapp.example.com%2F%3Fcode%3D{}",
    "_{}_",
    "令牌{}，明天轮换",
)

# The same for values that only their names give away: {} is the value.
RANDOM_PLACES = (
    '"token": "{}"',
    '"apiKey":"{}",',
    "api_key: {}",
    "API_KEY={}",
    "export GITHUB_TOKEN={}",
    "  client_secret: '{}'  # staging",
    "secret = \"{}\"",
    "const accessToken = '{}';",
    "- **API key**: `{}`",
    "- Access token: {}",
    "aws_secret_access_key = {}",
    "//registry.npmjs.org/:_authToken={}",
    "https://api.example.com/v1?access_token={}&page=2",
    "mytool --token {} --verbose",
    "mytool --api-key={}",
    'echo "{{\\"secret\\": \\"{}\\"}}"',
    "| token | {} |",
    "Authorization: Bearer {}",
    "X-Api-Key: {}",
    "signing_key := \"{}\"",
    "AccountName=x;AccountKey={};EndpointSuffix=y",
    "api_token: |\n  {}\n", "api_token: >-\n    {}\n", "\"token\":\n    \"{}\"", "token = \"\"\"{}\"\"\"",
    "- name: API_TOKEN\n  value: {}\n", '{{"name": "API_TOKEN", "value": "{}"}}', '{{"key":"API_TOKEN","value":"{}"}}',
    "<apiKey>{}</apiKey>", '<add key="ApiKey" value="{}" />', "<client-secret>{}</client-secret>",
    "token: str = '{}'", "const token: string = '{}'", "apiKey: string | undefined = '{}'", 'TOKEN: &str = "{}";',
    "token = b'{}'", "token = r'{}'", 'var apiToken = @"{}";', 'let token = String::from("{}");',
    'api_key = SecretStr("{}")', "ENV['API_TOKEN'] ||= '{}'", "API_TOKEN ?= {}", 'TOKEN="${{TOKEN:-{}}}"',
    "ENV API_TOKEN {}", "setx API_TOKEN {}", "set -gx API_TOKEN {}", '#define API_KEY "{}"',
    "machine git.example.com login me password {}", "os.environ.setdefault(\"API_TOKEN\", \"{}\")",
    "define('AUTH_KEY', '{}');", "RAILS_MASTER_KEY={}", "master_key: {}", "APP_KEY=base64:{}", "DD_APP_KEY={}",
    "X-Auth-Key: {}", "Authorization: token {}", "Authorization: ApiKey {}", '"Authorization": "{}"',
    "Cookie: session={}; theme=dark", "Set-Cookie: PHPSESSID={}; HttpOnly", "令牌：{}", "密码：{}", "token：{}",
    "callback=%3Ftoken%3D{}", "env:\n  NPM_TOKEN: {}", "environment:\n  - API_TOKEN={}",
    "kubectl create secret generic x --from-literal=token={}", '-H "PRIVATE-TOKEN: {}"',
    '{{"log": "A=1\\nAPI_TOKEN={}\\n"}}', "SECRET_KEY = 'django-insecure-{}(@x1'",
)  # fmt: skip
# The same where only a value beyond doubt is taken: capitals, small letters and digits.
ISSUED_PLACES = (
    "My API key is {}.", "token {}", "use the token `{}` until Friday", "client.setToken('{}')", "api_key({})",
)  # fmt: skip
PASSWORD_PLACES = (
    '"password": "{}"',
    "password: {}",
    "  - db_password: '{}'",
    "PGPASSWORD={} psql",
    "DB_PASSWORD={}",
    "passphrase: {}",
    "- **Password:** {}",
    "mysql --password={} -u root",
    "pwd={};server=db",
    'password = "{}"',
    "<password>{}</password>",
    '<add key="Password" value="{}" />',
    "- name: DB_PASSWORD\n  value: {}\n",
    '{{"log": "A=1\\npassword: {}\\nB=2"}}',
    "password: |\n  {}\n",
    "Password: **{}**",
    "1. Password: {}",
    "| password | {} |",
    "CREATE USER app WITH PASSWORD '{}';",
    "machine git.example.com\n  login me\n  password {}",
    '#define WIFI_PASSWORD "{}"',
    '"Db": "Server=db;User Id=sa;Password={};"',
    "spring.datasource.password={}",
    "密码: {}",
    '<entry key="db.password">{}</entry>',
    "ansible_ssh_pass: {}",
    "  :password: {}",
)

# What stands around the lines of a private key. Each gives the whole text.
KEY_PLACES: dict[str, Callable[[list[str]], str]] = {
    "plain": "\n".join,
    "json": lambda lines: json.dumps({"key": "\n".join(lines) + "\n"}),
    "json in json": lambda lines: json.dumps(json.dumps({"key": "\n".join(lines)})),
    "yaml": lambda lines: "tls.key: |\n" + "\n".join(f"    {line}" for line in lines),
    "crlf": "\r\n".join,
    "tabs": "\n\t\t".join,
    "quoted": lambda lines: "\n".join(f"> {line}" for line in lines),
    "bars": lambda lines: "\n".join(f"| {line}" for line in lines),
    "list": lambda lines: "\n".join(f"- {line}" for line in lines),
    "numbered": lambda lines: "\n".join(f"{number:4}  {line}" for number, line in enumerate(lines)),
    "removed": lambda lines: "\n".join(f"-{line}" for line in lines),
    "added": lambda lines: "\n".join(f"+{line}" for line in lines),
    "comment": lambda lines: "\n".join(f"// {line}" for line in lines),
    "backticks": lambda lines: "\n".join(f"`{line}`" for line in lines),
    "javascript": lambda lines: " +\n".join(f"'{line}\\n'" for line in lines),
    "table": lambda lines: f"| key | {'<br>'.join(lines)} |",
    "one line": " ".join,
    "cut off": lambda lines: "\n".join(lines[:-1]),
    "cut off, numbered": lambda lines: "\n".join(f"{number:4}  {line}" for number, line in enumerate(lines[:-1])),
    "cut off, in json": lambda lines: json.dumps({"key": "\n".join(lines[:-1])}),
    "base64": lambda lines: "tls.key: " + base64.b64encode("\n".join(lines).encode()).decode(),
}


def planted(per_shape: int, seed: int = 7) -> Iterator[Planted]:
    """Yield `per_shape` texts for each shape of secret there is."""
    rng = random.Random(seed)
    for shape, make in SHAPES.items():
        for number in range(per_shape):
            secret = make(rng)
            place = OWN_PLACES.get(shape) or PLACES[number % len(PLACES)]
            yield Planted(
                shape, place.replace("{}", secret) if shape in OWN_PLACES else place.format(secret, secret), (secret,)
            )
    makers = {
        "hex 32": lambda: _run(rng, HEX, 32),
        "hex 64": lambda: _run(rng, HEX, 64),
        "base62 24": lambda: _run(rng, ALNUM, 24),
        "base64 32": lambda: _b64(rng, 24),
        "base64 28": lambda: _b64(rng, 20),
        "url-safe 43": lambda: _run(rng, URL_SAFE, 43),
    }
    for shape, made in makers.items():
        for number in range(max(per_shape, len(RANDOM_PLACES))):
            secret = made()
            yield Planted(f"assigned {shape}", RANDOM_PLACES[number % len(RANDOM_PLACES)].format(secret), (secret,))
    for number in range(max(per_shape, len(PASSWORD_PLACES))):
        secret = _chosen_password(rng)
        yield Planted("chosen password", PASSWORD_PLACES[number % len(PASSWORD_PLACES)].format(secret), (secret,))
    for number in range(per_shape):
        secret = _run(rng, ALNUM + "!$%&*+-_", rng.randrange(8, 32))
        scheme = ["postgres", "mysql", "redis", "mongodb+srv", "amqps", "https"][number % 6]
        yield Planted("connection string", f"DSN: {scheme}://app:{secret}@db.internal:5432/app", (secret,))
    for number in range(per_shape):
        key_id, secret = SHAPES["aws id"](rng), _run(rng, BASE64, 40)
        yield Planted("aws pair", [f"{key_id} {secret}", f"key {key_id}\n  and {secret}\n"][number % 2], (secret,))
    for number in range(per_shape * len(ISSUED_PLACES)):
        secret = _run(rng, ALNUM, 40)
        yield Planted("issued, in words", ISSUED_PLACES[number % len(ISSUED_PLACES)].format(secret), (secret,))
    for number in range(per_shape):
        secret = base64.b64encode(f"me:{_chosen_password(rng)}".encode()).decode()
        yield Planted("basic", ['"Authorization": "Basic {}"', "Basic {}"][number % 2].format(secret), (secret,))
    for kind in ("RSA", "EC", "DSA", "OPENSSH", "ENCRYPTED", "", "PGP"):
        for place, put in KEY_PLACES.items():
            lines = _pem(rng, kind)
            text = f"before\n{put(lines)}\nafter\n"
            parts = tuple(line for line in lines if "-" not in line and ":" not in line and len(line) >= 4)
            yield Planted(f"private key, {place}", text, (text.split()[2],) if place == "base64" else parts)


# Lines that look as if, but hold nothing secret. Each came up, or could.
NEAR_MISSES = (Path(__file__).parent / "near_misses.txt").read_text().splitlines()

_VERBS = ["Add", "Move", "Measure", "Rotate", "Remove", "Document", "Cache", "Validate", "Redact", "Rename", "Retry"]
_THINGS = [
    "the token endpoint", "password reset", "secret rotation", "API keys", "max_tokens handling", "the index",
    "session tokens", "`config.token`", "the passphrase page", "OAuth 2.1 with PKCE S256", "credentials in CI",
    "the search box", "AGENTS.md", "access keys", "`secrets.token_urlsafe(32)`", "login", "the key derivation",
]  # fmt: skip
_WHERE = [
    "in `src/auth/token.py`", "behind a flag", "for v2.1.0", "(see RFC 6749)", "before 2026-11-01",
    "within 200 ms p99", "with argon2id", "at 09:00 UTC", "in plans/prds/20261101-0900-search.prd.md", "by sha256",
    "in `docs/spec.md#tokens`", "for 3,000 users", "on port 8765",
]  # fmt: skip


def plan_lines(count: int, seed: int = 11) -> list[str]:
    """Return `count` lines as plans, sprints and checks have them, the near misses among them."""
    rng = random.Random(seed)

    def sentence() -> str:
        return f"{rng.choice(_VERBS)} {rng.choice(_THINGS)} {rng.choice(_WHERE)}"

    builders: list[Callable[[], str]] = [
        lambda: f"- [{rng.choice(' x')}] {sentence()}",
        lambda: f"- [ ] Objective: {sentence().lower()}",
        lambda: f"- [ ] Verification: `make test-{rng.randrange(100)}`, `pytest -k token_{rng.randrange(100)}`",
        lambda: f"| {rng.randrange(1, 40)} | [{rng.choice(' x')}] | {sentence()} | contract | {sentence()} | - |",
        lambda: f"### Task Card {rng.randrange(1, 20)}: {sentence()}",
        lambda: f"> **Status**: {rng.choice(['Draft', 'Approved', 'Executing', 'Done'])}",
        lambda: f"commit {_run(rng, HEX, 40)}",
        lambda: f"2026{rng.randrange(1000, 1300)}-0900-{rng.choice(['token', 'secret', 'login'])}.prd.md",
        lambda: json.dumps({"run_id": _run(rng, HEX, 12), "max_tokens": rng.randrange(10**5), "status": "pass"}),
        lambda: f"password_max_age_days: {rng.randrange(400)}",
        lambda: f"{rng.choice(['max', 'min', 'total', 'prompt'])}_tokens: {rng.randrange(10**6)}",
        lambda: f"token {rng.choice(['bucket', 'ring', 'budget', 'limit'])}: {rng.randrange(10**4)} per minute",
        lambda: f"Checked {sentence().lower()}: {rng.randrange(100)} of 100, {rng.random():.3f} s",
        lambda: f"let {rng.choice(['token', 'apiKey', 'secret'])} = {rng.choice(['loadKeychain', 'readEnv'])}();",
    ]  # fmt: skip
    lines = list(NEAR_MISSES)
    while len(lines) < count:
        lines.append(rng.choice(builders)())
    return lines
