"""Secrets and plans to try the redaction on. Secrets are put together at run time, so that none stands in a file.

Both are seeded: the same corpus every time, larger if asked for more.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from typing import NamedTuple

ALNUM = string.ascii_letters + string.digits
URL_SAFE = ALNUM + "_-"
UPPER = string.ascii_uppercase + "234567"
BASE64 = ALNUM + "+/"
HEX = "0123456789abcdef"


class Planted(NamedTuple):
    """A text with one secret in it."""

    shape: str
    text: str
    secret: str


def _run(rng: random.Random, alphabet: str, length: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(length))


def _b64(rng: random.Random, length: int) -> str:
    return base64.b64encode(rng.randbytes(length)).decode()


def _b64url(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _jwt(rng: random.Random) -> str:
    claims = {"sub": _run(rng, ALNUM, 12), "exp": rng.randrange(10**9, 2 * 10**9)}
    return f"{_b64url({'alg': 'HS256', 'typ': 'JWT'})}.{_b64url(claims)}.{_run(rng, URL_SAFE, 43)}"


def _pem(rng: random.Random, kind: str, *, headers: str = "") -> str:
    dashes, words = "-" * 5, "PRIVATE" + " KEY"
    label = f"{kind} {words}" if kind else words
    label = f"PGP {words} BLOCK" if kind == "PGP" else label
    body = _b64(rng, rng.randrange(200, 900))
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    return "\n".join(
        [f"{dashes}BEGIN {label}{dashes}", *([headers, ""] if headers else []), *lines, f"{dashes}END {label}{dashes}"]
    )


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
}  # fmt: skip

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
)


def planted(per_shape: int, seed: int = 7) -> Iterator[Planted]:
    """Yield `per_shape` texts for each shape of secret there is."""
    rng = random.Random(seed)
    for shape, make in SHAPES.items():
        for number in range(per_shape):
            secret = make(rng)
            place = "https://hooks.slack.com/services/{}" if shape == "slack webhook" else PLACES[number % len(PLACES)]
            yield Planted(shape, place.format(secret), secret)
    makers = {
        "hex 32": lambda: _run(rng, HEX, 32),
        "hex 64": lambda: _run(rng, HEX, 64),
        "base62 24": lambda: _run(rng, ALNUM, 24),
        "base64 32": lambda: _b64(rng, 24),
        "url-safe 43": lambda: _run(rng, URL_SAFE, 43),
    }
    for shape, made in makers.items():
        for number in range(max(per_shape, len(RANDOM_PLACES))):
            secret = made()
            yield Planted(f"assigned {shape}", RANDOM_PLACES[number % len(RANDOM_PLACES)].format(secret), secret)
    for number in range(max(per_shape, len(PASSWORD_PLACES))):
        secret = _chosen_password(rng)
        yield Planted("chosen password", PASSWORD_PLACES[number % len(PASSWORD_PLACES)].format(secret), secret)
    for number in range(per_shape):
        secret = _run(rng, ALNUM + "!$%&*+-_", rng.randrange(8, 32))
        scheme = ["postgres", "mysql", "redis", "mongodb+srv", "amqps", "https"][number % 6]
        yield Planted("connection string", f"DSN: {scheme}://app:{secret}@db.internal:5432/app", secret)
    for number in range(per_shape):
        key_id, secret = SHAPES["aws id"](rng), _run(rng, BASE64, 40)
        yield Planted("aws pair", [f"{key_id} {secret}", f"key {key_id}\n  and {secret}\n"][number % 2], secret)
    for kind in ("RSA", "EC", "DSA", "OPENSSH", "ENCRYPTED", "", "PGP"):
        for number in range(per_shape):
            headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00" if kind == "RSA" and number % 3 == 0 else ""
            block = _pem(rng, kind, headers=headers)
            if number % 4 == 1:  # as JSON has it
                block = block.replace("\n", "\\n")
            elif number % 4 == 2:  # as YAML has it
                block = block.replace("\n", "\n    ")
            text = f'before\nkey: "{block}"\nafter\n'
            yield Planted(
                f"private key {kind or 'PKCS8'}", text, block.splitlines()[0] if "\\n" not in block else block
            )


# Lines that look as if, but hold nothing secret. Each came up, or could.
NEAR_MISSES = """\
max_tokens: 4096
"max_tokens": 4096, "temperature": 0.2
- Budget: max_tokens = 200_000 per run
token_count: 18231
tokens: 12,345 in, 678 out
completion_tokens=512 prompt_tokens=2048
password: see vault
password: see 1Password item "staging-db"
Password: ask the owner
- password: required, at least 12 characters
- password: argon2id, never bcrypt
passphrase: generated at adopt time, shown once
token: string
token: str
token?: string;
  token: Optional[str] = None,
api_key: str | None = None
"token": {"type": "string", "description": "the caller's token"}
"password": {"type": "string", "minLength": 12}
"secret": true
"token": null
"token": "<your token>"
"apiKey": "${API_KEY}"
API_KEY=${OPENAI_API_KEY}
API_KEY=$OPENAI_API_KEY
TOKEN=$(gh auth token)
api_key = os.environ["OPENAI_API_KEY"]
api_key=settings.OPENAI_API_KEY_V2
token = secrets.token_urlsafe(32)
const token = await getUserAccessTokenFromRequest(request)
password = getpass.getpass("Password: ")
secret: {{ .Values.github.webhookSecretName }}
secretName: regcred-production-eu-west-1
secretKeyRef: app-database-credentials
token_url: https://login.example.com/oauth2/v2.0/token
token_endpoint: https://example.com/oauth/v1/token2026/exchange
tokenEndpointAuthMethod: client_secret_post
token_type: Bearer
tokenizer: cl100k_base
access_token_ttl: 3600s
refresh_token_expires_at: 2026-11-01T09:00:00.000Z
password_min_length: 12
password_reset_url: https://example.com/reset?token=<token>
Secrets: none in the repository
secret: prod/db/master (in the vault)
credentials: stored in ~/.config/app/credentials2.json
- Key: the primary_key of users, foreign_key of orders
private_key_path: deploy/keys/release-2026.asc
keyboard: qwerty123
- [ ] Rotate the signing key every 90 days
- [ ] Objective: hash the passphrase (SHA-256), drop the token
- [ ] Add password: field2
The header is `Authorization: Bearer <token>`.
Authorization: Bearer $TOKEN
Bearer token-authentication-middleware-for-http
Basic authentication-and-authorization-flow
We use basic auth between services and bearer tokens outside.
private_key: Ed25519PrivateKey | Ed448PrivateKey
token: AccessTokenT | RefreshTokenT
OID_CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
passphrase: Optional[PassphraseCallableT] = None
def sign(self, private_key: SSHCertPrivateKeyTypes) -> SSHCertificate:
const myURL = new URL('https://abc:xyz@example.com');
sk-estimator-checks-and-more
The spinner is `sk-chasing-dot-before-and-after-2`
sk-admin-dashboard-redesign-for-q3-2026
Key prefixes: sk-proj-, sk-ant-, ghp_, github_pat_, xoxb-, AKIA, AIza
Use `sk-...` keys from the console; `ghp_xxxx` for CI
npm_config_registry_and_other_settings_of_npm
npm_lifecycle_event
hf_transfer and hf_hub_download_with_progress_bar_enabled
pypi-attestations-and-trusted-publishing-for-all-our-python-packages-in-one-go
xoxb-your-token-here
SKU12345, SKILL.md, SK-1234
rh_abcdefghijkmnpqrstuv
repo-harness://search/plans/prds/20261101-0900-search.prd.md
https://github.com/org/repo/commit/3f2a1b4c5d6e7f8091a2b3c4d5e6f708192a3b4c
Merge 3f2a1b4c5d6e7f8091a2b3c4d5e6f708192a3b4c into main
sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"integrity": "sha512-z7PJ5gZ0b5z0f3p2vK9oYq8m1Qe8YzQvJQ1n2m3k4l5p6q7r8s9t0u1v2w3x4y5z=="
run id 550e8400-e29b-41d4-a716-446655440000
revision r1_Zm9vYmFyYmF6cXV4MTIzNA is opaque
version: 1.2.3-beta.4+build.5678
postgres://localhost:5432/app
postgres://user:password@localhost:5432/app
postgres://${DB_USER}:${DB_PASSWORD}@db/app
redis://:<password>@cache:6379/0
http://localhost:8765/mcp?next=user@example.com
git+ssh://git@github.com:org/repo.git
ssh://git@example.com:22/org/repo.git and me@example.com
https://example.com:8443/@scope/package
mailto:someone@example.com
-----BEGIN PRIVATE KEY----- starts such a file
Between `-----BEGIN RSA PRIVATE KEY-----` and `-----END RSA PRIVATE KEY-----` stands base64.
-----BEGIN CERTIFICATE-----
-----BEGIN PUBLIC KEY-----
eyJ is how a JWT begins
The claims: `eyJhbGciOi...` (cut)
| field | type | required |
| token | string | yes |
| password | string (min 12) | yes |
| api_key | see the console | no |
| max_tokens | 4096 | no |
export PATH="$HOME/.local/bin:$PATH"
--token TOKEN   the token to use
--password-file /run/secrets/db_password
usage: mytool [--token TOKEN] [--password PASSWORD]
mytool --token "$TOKEN" --password "$(pass show db)"
Secret Santa: 24 December
The secret: small steps.
Token ring, token bucket, token economy: 3 meanings
密码：请询问管理员
密钥: 见保险库
Passwort: siehe Tresor
api key: the model's console shows it once
access key: Alt+Shift+K
private key: never leaves the HSM
- secret: rotate quarterly
client_secret_basic, client_secret_post, private_key_jwt
csrf_token: form field
cancellationToken: CancellationToken
next_page_token: opaque
id_token_signing_alg_values_supported: RS256
secret_access_key, access_key_id, session_token: the three parts
{"tokens": {"input": 1200, "output": 300}, "cost": 0.42}
password=
token=
API_KEY=
token: ""
password: '***'
password: ********
password: xxxxxxxx
token: [REDACTED:token]
""".splitlines()

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
