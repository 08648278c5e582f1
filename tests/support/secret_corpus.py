"""Generated secrets and harmless texts, for measuring redaction.

The kinds come from the vendors' public descriptions of their token formats. This corpus was written before its author
read the patterns in `rhd.workflow.redaction`, and it must not be fitted to them: a new kind is added because people
use it, never because the code finds it.

Values are drawn from a small pattern language: `{A36}` is 36 letters and digits, and the other letters are listed in
`ALPHABETS`. The longest drawn part of a value is its secret; the literal text around it (`ghp_`) is not.
"""

import base64
import json
import random
import re
import string
import urllib.parse
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from tests.support import rare_secrets

DRAWS = 30
LEAK_LENGTH = 8
"""A secret has leaked when this many of its consecutive characters are still in the text."""

ALPHABETS = {
    "A": string.ascii_letters + string.digits,
    "L": string.ascii_letters,
    "a": string.ascii_lowercase + string.digits,
    "l": string.ascii_lowercase,
    "X": string.ascii_uppercase + string.digits,
    "T": string.ascii_uppercase + "234567",
    "t": string.ascii_lowercase + "234567",
    "h": "0123456789abcdef",
    "H": "0123456789ABCDEF",
    "D": string.digits,
    "B": string.ascii_letters + string.digits + "+/",
    "U": string.ascii_letters + string.digits + "-_",
    "V": string.ascii_letters + string.digits + "-_.~",
    "P": string.ascii_letters + string.digits + "!#%&*+-=?@^_~",
    "S": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
    "C": "qpzry9x8gf2tvdw0s3jn54khce6mua7l".upper(),
}
WORDS = [
    "amber",
    "badger",
    "canyon",
    "dapper",
    "ember",
    "falcon",
    "garnet",
    "harbor",
    "island",
    "jigsaw",
    "kettle",
    "lantern",
    "meadow",
    "nectar",
    "orchid",
    "pepper",
    "quartz",
    "river",
    "saddle",
    "timber",
    "umbrella",
    "velvet",
    "walnut",
    "yonder",
    "zephyr",
]


@dataclass(frozen=True, slots=True)
class Secret:
    """A text, and the part of it that must not be readable after redaction."""

    text: str
    secret: str

    def leaked_in(self, text: str) -> bool:
        """Returns whether a run of the secret long enough to matter is still in `text`."""
        length = min(LEAK_LENGTH, len(self.secret))
        return any(self.secret[at : at + length] in text for at in range(len(self.secret) - length + 1))


def draw(rng: random.Random, pattern: str) -> tuple[str, str]:
    """Returns a value of the pattern and the longest part of it that was drawn."""
    parts: list[str] = []

    def one(match: re.Match[str]) -> str:
        low, _, high = match[2].partition("-")
        length = rng.randint(int(low), int(high or low))
        parts.append("".join(rng.choice(ALPHABETS[match[1]]) for _ in range(length)))
        return parts[-1]

    value = re.sub(r"\{([A-Za-z])([0-9]+(?:-[0-9]+)?)\}", one, pattern)
    return value, max(parts, key=len)


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _base64(rng: random.Random, size: int) -> str:
    return base64.b64encode(rng.randbytes(size)).decode()


# Where people write a token down. A token that names itself (`ghp_…`) must be found in each of these.
ANYWHERE = (
    "@",
    "Log in with @ until Friday.",
    "TOKEN=@",
    'export SERVICE_TOKEN="@"',
    "  token: @",
    '  "apiKey": "@",',
    "| staging | @ | 2026-03-01 |",
    "| staging | `@` | 2026-03-01 |",
    "Use `@` for now",
    'curl -H "Authorization: Bearer @" https://api.example.com/v1/me',
    "https://example.com/callback?token=@&state=1",
    "[console](https://example.com/?key=@)",
    "<!-- @ -->",
    "const client = new Client('@');",
    "deploy --token @ --wait",
    "deploy --token=@ --wait",
    "> @",
    "    @",
    "1. Revoke @ after the release",
    "X-Api-Key: @",
    'os.environ["TOKEN"] = "@"',
    '{\\"token\\": \\"@\\"}',
    "**@**",
    "(@)",
    "<@>",
    "old value @, new value to come",
    "- [ ] replace `@` in CI",
    "2026-03-01T10:00:00Z INFO auth: using @",
    "git clone https://oauth2:@@@git.example.com/app.git",
)

# Where people write a value that only its name shows to be a secret. `¶` is the name in upper case, `%` in lower case.
NAMED = (
    "¶=@",
    'export ¶="@"',
    "export ¶='@'",
    "¶: @",
    "  %: @",
    '  %: "@"',
    '  "%": "@",',
    '{"user": "ci", "%": "@"}',
    "% = '@'",
    '% = "@"  # rotate in May',
    "| ¶ | @ |",
    "| `¶` | `@` |",
    "| %  | @  | staging |",
    "- `¶=@`",
    "- **¶**: `@`",
    "set ¶=@",
    "ENV ¶ @",
    "docker run -e ¶=@ app:latest",
    "os.environ['¶'] = '@'",
    "process.env.¶ = '@'",
    "'%' => '@',",
    "<%>@</%>",
    "  - name: ¶\n    value: @",
    '  - name: ¶\n    value: "@"',
    "gh secret set ¶ --body @",
)

SELF_NAMING = {
    "github classic token": "ghp_{A36}",
    "github oauth token": "gho_{A36}",
    "github user token": "ghu_{A36}",
    "github server token": "ghs_{A36}",
    "github refresh token": "ghr_{A76}",
    "github fine-grained token": "github_pat_{A22}_{A59}",
    "gitlab personal token": "glpat-{U20}",
    "gitlab trigger token": "glptt-{h40}",
    "gitlab runner token": "glrt-{U20}",
    "gitlab deploy token": "gldt-{U20}",
    "bitbucket app password": "ATBB{A32}",
    "atlassian api token": "ATATT3xFfGF0{U171}={H8}",
    "aws access key id": "AKIA{T16}",
    "aws temporary key id": "ASIA{T16}",
    "google api key": "AIza{U35}",
    "google client secret": "GOCSPX-{U28}",
    "google refresh token": "1//0{D1}{U90-100}",
    "google access token": "ya29.a0{U140-200}",
    "firebase server key": "AAAA{U7}:APA91b{U134}",
    "azure client secret": "{A3}8Q~{V34}",
    "openai key": "sk-{A20}T3BlbkFJ{A20}",
    "openai project key": "sk-proj-{U74}T3BlbkFJ{U74}",
    "openai service key": "sk-svcacct-{U58}T3BlbkFJ{U58}",
    "anthropic key": "sk-ant-api03-{U93}AA",
    "anthropic login token": "sk-ant-oat01-{U93}AA",
    "openrouter key": "sk-or-v1-{h64}",
    "hugging face token": "hf_{L34}",
    "replicate token": "r8_{A37}",
    "groq key": "gsk_{A52}",
    "perplexity key": "pplx-{A48}",
    "xai key": "xai-{A80}",
    "slack bot token": "xoxb-{D12}-{D13}-{A24}",
    "slack user token": "xoxp-{D12}-{D12}-{D13}-{h32}",
    "slack app token": "xapp-1-A{X10}-{D13}-{h64}",
    "discord bot token": "MT{A24}.{U6}.{U38}",
    "telegram bot token": "{D10}:AA{U33}",
    "twilio api key": "SK{h32}",
    "sendgrid key": "SG.{U22}.{U43}",
    "mailgun key": "key-{h32}",
    "mailchimp key": "{h32}-us{D2}",
    "stripe secret key": "sk_live_{A24}",
    "stripe long key": "sk_live_51{A97}",
    "stripe restricted key": "rk_live_{A24}",
    "stripe webhook secret": "whsec_{A32}",
    "square access token": "EAAA{U60}",
    "square client secret": "sq0csp-{U43}",
    "braintree token": "access_token$production${a16}${h32}",
    "shopify token": "shpat_{h32}",
    "npm token": "npm_{A36}",
    "pypi token": "pypi-AgEIcHlwaS5vcmc{U130-160}",
    "rubygems key": "rubygems_{h48}",
    "crates.io token": "cio{A32}",
    "docker hub token": "dckr_pat_{U27}",
    "nuget key": "oy2{t43}",
    "digitalocean token": "dop_v1_{h64}",
    "netlify token": "nfp_{A36}",
    "terraform cloud token": "{A14}.atlasv1.{U67}",
    "vault token": "hvs.{U95}",
    "doppler token": "dp.pt.{A43}",
    "pulumi token": "pul-{h40}",
    "databricks token": "dapi{h32}",
    "grafana service token": "glsa_{A32}_{h8}",
    "new relic key": "NRAK-{X27}",
    "sentry user token": "sntryu_{h64}",
    "linear key": "lin_api_{A40}",
    "notion token": "ntn_{D11}{A35}",
    "airtable token": "pat{A14}.{h64}",
    "figma token": "figd_{U40}",
    "postman key": "PMAK-{h24}-{h34}",
    "contentful token": "CFPAT-{U43}",
    "supabase token": "sbp_{h40}",
    "planetscale token": "pscale_tkn_{U43}",
    "tailscale key": "tskey-auth-{A12}CNTRL-{A32}",
    "artifactory key": "AKCp{A69}",
    "sonarqube token": "squ_{h40}",
    "buildkite token": "bkua_{h40}",
    "age secret key": "AGE-SECRET-KEY-1{C58}",
    "facebook token": "EAA{A160-190}",
    "our access token": "rha_{U43}",
    "our refresh token": "rhr_{U43}",
    "our login code": "rhc_{U43}",
}

NAME_ONLY = {
    "aws secret access key": ("AWS_SECRET_ACCESS_KEY", "{B40}"),
    "azure devops token": ("AZURE_DEVOPS_EXT_PAT", "{t52}"),
    "cohere key": ("COHERE_API_KEY", "{A40}"),
    "mistral key": ("MISTRAL_API_KEY", "{A32}"),
    "twilio auth token": ("TWILIO_AUTH_TOKEN", "{h32}"),
    "cloudflare token": ("CLOUDFLARE_API_TOKEN", "{U40}"),
    "datadog key": ("DD_API_KEY", "{h32}"),
    "vercel token": ("VERCEL_TOKEN", "{A24}"),
    "okta token": ("OKTA_API_TOKEN", "00{U40}"),
    "auth0 secret": ("AUTH0_CLIENT_SECRET", "{U64}"),
    "algolia admin key": ("ALGOLIA_ADMIN_KEY", "{h32}"),
    "django secret key": ("SECRET_KEY", "django-insecure-{P50}"),
    "rails secret": ("SECRET_KEY_BASE", "{h128}"),
    "laravel key": ("APP_KEY", "base64:{B43}="),
    "encryption key": ("ENCRYPTION_KEY", "{h64}"),
    "webhook secret": ("GITHUB_WEBHOOK_SECRET", "{A20-32}"),
    "wallet key": ("DEPLOYER_PRIVATE_KEY", "0x{h64}"),
    "ngrok token": ("NGROK_AUTHTOKEN", "2{A26}_{A21}"),
    "database password": ("DB_PASSWORD", "{P16-24}"),
    "short password": ("ADMIN_PASSWORD", "{A12}"),
}


def _pem(label: str) -> Callable[[random.Random], Secret]:
    def make(rng: random.Random) -> Secret:
        body = _base64(rng, rng.randint(300, 1200))
        lines = [body[at : at + 64] for at in range(0, len(body), 64)]
        quote = rng.choice(("", "    ", "> "))
        text = "\n".join(f"{quote}{line}" for line in (f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"))
        return Secret(f"The key:\n\n{text}\n\nend", rng.choice(lines[:-1]))

    return make


def _jwt(rng: random.Random) -> tuple[str, str]:
    def part(value: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    head = part({"alg": rng.choice(("HS256", "RS256", "ES256")), "typ": "JWT"})
    body = part({"sub": _uuid(rng), "exp": rng.randint(1_700_000_000, 1_900_000_000)})
    signature = base64.urlsafe_b64encode(rng.randbytes(32)).decode().rstrip("=")
    return f"{head}.{body}.{signature}", signature


def _json_web_token(rng: random.Random) -> Secret:
    token, signature = _jwt(rng)
    return Secret(_written(rng, ANYWHERE, token), signature)


def _written(rng: random.Random, places: tuple[str, ...], value: str, name: str = "") -> str:
    place = rng.choice(places)
    if place.endswith("git.example.com/app.git"):
        return place.replace("@@@", f"{urllib.parse.quote(value, safe='')}@")
    place = place.replace("¶", name).replace("%", name.lower())
    return place.replace("@", value)


def _self_naming(pattern: str) -> Callable[[random.Random], Secret]:
    def make(rng: random.Random) -> Secret:
        value, secret = draw(rng, pattern)
        return Secret(_written(rng, ANYWHERE + rare_secrets.ANYWHERE, value), secret)

    return make


def _name_only(name: str, pattern: str) -> Callable[[random.Random], Secret]:
    def make(rng: random.Random) -> Secret:
        value, secret = draw(rng, pattern)
        return Secret(_written(rng, NAMED + rare_secrets.NAMED, value, name), secret)

    return make


def _in(*places: str, value: str) -> Callable[[random.Random], Secret]:
    def make(rng: random.Random) -> Secret:
        drawn, secret = draw(rng, value)
        return Secret(rng.choice(places).replace("@", drawn), secret)

    return make


def _in_address(*places: str) -> Callable[[random.Random], Secret]:
    def make(rng: random.Random) -> Secret:
        password, _ = draw(rng, "{A14-24}")
        return Secret(rng.choice(places).replace("§", password), password)

    return make


def _basic(rng: random.Random) -> Secret:
    value = base64.b64encode(f"{rng.choice(WORDS)}:{draw(rng, '{A20}')[0]}".encode()).decode()
    places = (
        "Authorization: Basic @",
        "curl -H 'Authorization: Basic @' https://example.com",
        '  "Authorization": "Basic @",',
    )
    return Secret(rng.choice(places).replace("@", value), value.rstrip("="))


def _docker_auth(rng: random.Random) -> Secret:
    value = base64.b64encode(f"{rng.choice(WORDS)}:{draw(rng, '{A24}')[0]}".encode()).decode()
    if rng.random() < 0.5:
        return Secret(json.dumps({"auths": {"ghcr.io": {"auth": value}}}), value.rstrip("="))
    return Secret(json.dumps({"auths": {"https://index.docker.io/v1/": {"auth": value}}}, indent=2), value.rstrip("="))


def _kubernetes_secret(rng: random.Random) -> Secret:
    value = _base64(rng, 24)
    name = rng.choice(("password", "api-key", "token"))
    return Secret(
        f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: app\ndata:\n  {name}: {value}\ntype: Opaque\n",
        value.rstrip("="),
    )


def _service_account(rng: random.Random) -> Secret:
    key = _base64(rng, 900)
    body = "\n".join(key[at : at + 64] for at in range(0, len(key), 64))
    document = {
        "type": "service_account",
        "project_id": "shop",
        "private_key_id": draw(rng, "{h40}")[0],
        "private_key": f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n",
        "client_email": "ci@shop.iam.gserviceaccount.com",
    }
    return Secret(json.dumps(document, indent=rng.choice((None, 2))), key[128:192])


def _json_web_key(rng: random.Random) -> Secret:
    secret = base64.urlsafe_b64encode(rng.randbytes(32)).decode().rstrip("=")
    public = base64.urlsafe_b64encode(rng.randbytes(32)).decode().rstrip("=")
    return Secret(json.dumps({"kty": "OKP", "crv": "Ed25519", "d": secret, "x": public, "use": "sig"}), secret)


def _wireguard(rng: random.Random) -> Secret:
    value = _base64(rng, 32)
    return Secret(f"[Interface]\nPrivateKey = {value}\nAddress = 10.0.0.2/32\n", value.rstrip("="))


def _shared_access_signature(rng: random.Random) -> Secret:
    value = urllib.parse.quote(_base64(rng, 32), safe="")
    url = f"https://shop.blob.core.windows.net/in?sv=2022-11-02&se=2026-12-01&sp=rl&sig={value}"
    return Secret(rng.choice((url, f"[files]({url})", f'"{url}"', f"| files | {url} |")), value)


def _session_token(rng: random.Random) -> Secret:
    value = "IQoJb3JpZ2luX2Vj" + _base64(rng, 300)
    return Secret(_written(rng, NAMED, value, "AWS_SESSION_TOKEN"), value[40:80])


def _totp(rng: random.Random) -> Secret:
    value = draw(rng, "{T32}")[0]
    return Secret(f"otpauth://totp/Shop:ci@example.com?secret={value}&issuer=Shop", value)


def _identifier(name: str) -> Callable[[random.Random], Secret]:
    def make(rng: random.Random) -> Secret:
        value = _uuid(rng)
        return Secret(_written(rng, NAMED + rare_secrets.NAMED, value, name), value)

    return make


def _spoken_password(rng: random.Random) -> Secret:
    value = f"{rng.choice(WORDS).title()}{rng.choice(WORDS).title()}{rng.randint(10, 9999)}{rng.choice('!#*')}"
    places = (
        "Password: @",
        "password: @",
        "The admin password is @",
        "Admin password: `@`",
        "- password: @ (staging only)",
        "user: admin, password: @",
        "login admin / password @",
        "Log in as admin with password `@`.",
        "| password | @ |",
        "| Admin password | `@` |",
        "pwd=@",
        "Passphrase: @",
    )
    return Secret(rng.choice(places).replace("@", value), value[:-1])


SECRETS: dict[str, Callable[[random.Random], Secret]] = {
    **{kind: _self_naming(pattern) for kind, pattern in (SELF_NAMING | rare_secrets.SELF_NAMING).items()},
    **{kind: _name_only(name, pattern) for kind, (name, pattern) in (NAME_ONLY | rare_secrets.NAME_ONLY).items()},
    "json web token": _json_web_token,
    "rsa private key": _pem("RSA PRIVATE KEY"),
    "ec private key": _pem("EC PRIVATE KEY"),
    "pkcs 8 private key": _pem("PRIVATE KEY"),
    "encrypted private key": _pem("ENCRYPTED PRIVATE KEY"),
    "openssh private key": _pem("OPENSSH PRIVATE KEY"),
    "pgp private key": _pem("PGP PRIVATE KEY BLOCK"),
    "service account": _service_account,
    "json web key": _json_web_key,
    "wireguard key": _wireguard,
    "shared access signature": _shared_access_signature,
    "azure account key": _in(
        "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=@;EndpointSuffix=core.windows.net",
        'AZURE_STORAGE_CONNECTION_STRING="DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=@"',
        value="{B86}==",
    ),
    "azure shared access key": _in(
        "Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=@",
        "HostName=shop.azure-devices.net;SharedAccessKeyName=device;SharedAccessKey=@",
        value="{B43}=",
    ),
    "sql connection string": _in(
        "Server=tcp:db.example.com,1433;Database=shop;User ID=ci;Password=@;Encrypt=True;",
        "Server=db;Uid=ci;Pwd=@;",
        value="{A18}",
    ),
    "aws session token": _session_token,
    "slack webhook": _in("https://hooks.slack.com/services/T01ABCDEFG/B01ABCDEFG/@", value="{A24}"),
    "discord webhook": _in("https://discord.com/api/webhooks/1234567890123456789/@", value="{U68}"),
    "telegram address": _in(
        "https://api.telegram.org/bot1234567890:@/sendMessage",
        "curl -s https://api.telegram.org/bot1234567890:@/getUpdates",
        "https://api.telegram.org/file/bot1234567890:@/photos/1.jpg",
        value="AA{U33}",
    ),
    "basic authorization": _basic,
    "docker auth": _docker_auth,
    "opaque bearer token": _in(
        "Authorization: Bearer @",
        "authorization: bearer @",
        "curl -H 'Authorization: Bearer @' https://example.com",
        'headers = {"Authorization": "Bearer @"}',
        "Authorization: Token @",
        value="{A32-48}",
    ),
    "session cookie": _in(
        "Cookie: sessionid=@; theme=dark",
        "Set-Cookie: session=@; HttpOnly; Secure",
        "curl -b 'sessionid=@' https://example.com",
        value="{A32}",
    ),
    "database address": _in_address(
        "postgres://app:§@db.example.com:5432/shop",
        "DATABASE_URL=postgresql+psycopg://app:§@db/shop?sslmode=require",
        "mysql://root:§@127.0.0.1:3306/shop",
        "mongodb+srv://app:§@cluster0.abcde.mongodb.net/shop",
        "redis://:§@cache:6379/0",
        "amqps://app:§@mq.example.com/vhost",
        "jdbc:postgresql://db:5432/shop?user=app&password=§",
        "| database | postgres://app:§@db/shop |",
    ),
    "web address with password": _in_address(
        "https://deploy:§@git.example.com/shop.git",
        "[feed](https://reader:§@feeds.example.com/rss)",
        "ftp://app:§@files.example.com/in",
        "pip install --index-url https://ci:§@pypi.example.com/simple shop",
        "HTTPS_PROXY=http://ci:§@proxy.example.com:3128",
    ),
    "command line password": _in_address(
        "curl -u admin:§ https://example.com",
        "curl --user admin:§ https://example.com",
        "mysql -u root -p§ shop",
        "sshpass -p § ssh root@db",
        "docker login -u ci -p § registry.example.com",
        "deploy --password § --force",
        "deploy --password=§ --force",
        "PGPASSWORD=§ psql -h db shop",
        "redis-cli -a § ping",
        "echo § | sudo -S reboot",
    ),
    "password elsewhere": _in_address(*rare_secrets.IN_ADDRESS),
    "netrc": _in_address(
        "machine api.example.com login ci password §",
        "machine api.example.com\n  login ci\n  password §\n",
    ),
    "npm configuration": _in_address(
        "//registry.npmjs.org/:_authToken=§",
        "//npm.example.com/:_password=§",
        "_auth = §",
    ),
    "kubernetes secret": _kubernetes_secret,
    "one-time password seed": _totp,
    "heroku key": _identifier("HEROKU_API_KEY"),
    "postmark token": _identifier("POSTMARK_SERVER_TOKEN"),
    "spoken password": _spoken_password,
    "our passphrase": _in('{"version": 1, "passphrase": "@"}', "rhctl passphrase: @", "Passphrase: `@`", value="{U22}"),
}


def _filled(*texts: str) -> Callable[[random.Random], str]:
    """Returns a maker of one of the texts; `{A36}` in it is drawn as in secrets, `§` is a word."""

    def make(rng: random.Random) -> str:
        text = rng.choice(texts)
        while "§" in text:
            text = text.replace("§", rng.choice(WORDS), 1)
        return draw(rng, text + "{D1}")[0][:-1]

    return make


def _public_key_block(label: str) -> Callable[[random.Random], str]:
    def make(rng: random.Random) -> str:
        body = _base64(rng, rng.randint(300, 900))
        lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
        return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----"

    return make


def _sentence(rng: random.Random) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(6, 20))).capitalize() + "."


BENIGN: dict[str, Callable[[random.Random], str]] = {
    **{kind: _filled(text) for kind, text in rare_secrets.BENIGN.items()},
    "commit": _filled("Fixed in {h40}.", "commit {h40}\nAuthor: A. Person <a@example.com>", "| {h40} | Fix the § |"),
    "short commit": _filled("- {h7} Fix the § (#{D4})", "Reverts {h8}.", "index {h7}..{h7} 100644"),
    "image digest": _filled("image: ghcr.io/acme/§@sha256:{h64}", "FROM python:3.12@sha256:{h64}"),
    "package integrity": _filled('      "integrity": "sha512-{B86}==",', "  resolution: {integrity: sha512-{B86}==}"),
    "requirement hash": _filled(
        "    --hash=sha256:{h64} \\", '{ url = "https://files.example.com/§.whl", hash = "sha256:{h64}" }'
    ),
    "go checksum": _filled("github.com/acme/§ v1.4.2 h1:{B43}=", "github.com/acme/§ v1.4.2/go.mod h1:{B43}="),
    "identifier": _filled(
        "Run {h8}-{h4}-4{h3}-a{h3}-{h12} finished.", "request_id={h8}-{h4}-4{h3}-b{h3}-{h12}", "id: 01{X24}"
    ),
    "path": _filled(
        "src/§/§/§_§_handler_{D2}.py",
        "See `docs/adr/00{D2}-§-§-of-the-§.md`.",
        "**Files**: `src/auth/token.py`, `src/§/passwords.py`",
    ),
    "address": _filled(
        "https://example.com/§/§?page={D2}&sort=created_at#§-§", "[§](https://github.com/acme/§/pull/{D4})"
    ),
    "asset with a hash": _filled("/static/js/main.{h8}.chunk.js", "dist/assets/§-{A8}.css"),
    "placeholder": _filled(
        "API_KEY=<your-api-key>",
        "export GITHUB_TOKEN=YOUR_TOKEN_HERE",
        "OPENAI_API_KEY=sk-...",
        "token: ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "password: ********",
        'api_key = "…"',
        "SECRET_KEY=changeme",
        "password: <password>",
        "| API key | `<key>` |",
    ),
    "reference to a variable": _filled(
        "TOKEN=$GITHUB_TOKEN",
        'export TOKEN="${CI_JOB_TOKEN}"',
        "token: ${{ secrets.NPM_TOKEN }}",
        "password: !vault db_password",
        'api_key = os.environ["§_API_KEY"]',
        "const token = process.env.§_TOKEN;",
        "password: {{ .Values.db.password }}",
        "secret = var.client_secret",
        "set TOKEN=%GITHUB_TOKEN%",
    ),
    "typed field": _filled(
        "password: str | None = None",
        "token: TokenStore",
        "def login(user: str, password: str) -> Session:",
        "  secret?: string;",
        "    api_key: SecretStr",
        "apiKey: z.string().min(1),",
        "private String password;",
    ),
    "code about tokens": _filled(
        "token = get_token(user)",
        "if token is None: raise Unauthenticated()",
        "const secret = await deriveSecret(masterKey);",
        "password = getpass.getpass()",
        "self._token = tokens.issue(client_id, grant)",
        "api_key = settings.§_api_key",
        "return hmac.compare_digest(token, expected_token)",
    ),
    "prose about secrets": _filled(
        "The token expires after {D2} hours.",
        "Password: at least {D2} characters, one digit.",
        "Secrets live in Vault under secret/data/§.",
        "The password is hashed with argon2id.",
        "Tokens are digests at rest; the key is kept by the §.",
        "Rotate the API key before the § ships.",
        "Passphrase rotation drops every session.",
        "Secret: ask the § team.",
        "The secret is stored encrypted.",
        "Token refresh fails with a 401 after the § restarts.",
    ),
    "settings table": _filled(
        "| token_lifetime_s | {D4} | seconds |",
        "| `password_min_length` | {D2} | characters |",
        "| `api_key_header` | X-Api-Key | |",
        "| secret_rotation | enabled | |",
    ),
    "schema table": _filled(
        "| password | string | required | The user's password. |",
        "| token | text | not null | Digest of the token |",
        "| `api_key` | `varchar(64)` | unique |",
        "| key | value | meaning |",
        "| secret | bytes | yes |",
    ),
    "ssh public key": _filled(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{B43} §@laptop", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB{B340} §@ci"
    ),
    "certificate": _public_key_block("CERTIFICATE"),
    "public key": _public_key_block("PUBLIC KEY"),
    "pgp public key": _public_key_block("PGP PUBLIC KEY BLOCK"),
    "inline image": _filled("![§](data:image/png;base64,iVBORw0KGgo{B400}==)"),
    "colour": _filled("--accent: #{h6};", "color: #{h3}; background: #{h8};"),
    "constant": _filled(
        "MAX_TOKEN_LENGTH = {D4}",
        "TOKENS_PER_MINUTE={D5}",
        "KEY_SIZE=2048",
        "PASSWORD_MIN_LENGTH: {D2}",
        "TOKEN_TTL=24h",
    ),
    "plain key": _filled(
        "primary_key: order_id",
        '"key": "ArrowDown",',
        "sort_key=created_at",
        'cache_key = f"user:{user_id}:§"',
        "key: §",
        "foreign key: customer_id",
    ),
    "count of tokens": _filled(
        "Used {D5} tokens in {D2} calls.", "prompt_tokens: {D4}", '"total_tokens": {D5},', "max_tokens={D4}"
    ),
    "test name": _filled(
        "tests/test_auth.py::test_password_reset_sends_§",
        "test_that_a_token_is_refused_after_§_and_§",
        "it('rejects a wrong password for §')",
    ),
    "pod": _filled("deploy/§-api-{a10}-{a5}", "pod/§-{h9}-{a5} restarted"),
    "trace": _filled("traceparent: 00-{h32}-{h16}-01", "trace_id={h32} span_id={h16}"),
    "entity tag": _filled('ETag: "{h40}"', 'If-None-Match: W/"{h32}"'),
    "resource name": _filled(
        "arn:aws:s3:::§-logs-{D12}/raw/*", "arn:aws:iam::{D12}:role/§-deploy", "projects/§-{D6}/locations/eu/keyRings/§"
    ),
    "ticket": _filled("PAY-{D4}: § the §", "Closes #{D4}, see RFC {D4}."),
    "diagram": _filled(
        "    Client->>Server: token request",
        "    A[§] -->|password| B[§]",
        "    Server-->>Client: access token, refresh token",
    ),
    "regular expression": _filled(
        "^[A-Za-z0-9_-]{20,}$", r"`\bsk-[a-z]+\b` matches the prefix", r"pattern: '^ghp_[A-Za-z0-9]{36}$'"
    ),
    "mail address": _filled(
        "§.§@example.com", "git@github.com:acme/§.git", "ssh://git@git.example.com/§.git", "rsync -a §@host:/srv/§ ."
    ),
    "address without a password": _filled(
        "postgres://localhost:5432/§",
        "redis://cache:6379/0",
        "postgres://USER:PASSWORD@HOST/§",
        "https://user:$PASSWORD@example.com/",
        "amqp://§@mq.example.com/",
    ),
    "long name": _filled(
        "AbstractSingletonProxyFactoryBeanProvider",
        "test_that_the_owner_of_a_§_is_told_about_§_and_§",
        "handleAuthenticationTokenRefreshFailureForTenant",
    ),
    "encoded word": _filled(
        "`aGVsbG8=` decodes to hello", "%E2%9C%93 means a check mark", "SGVsbG8sIHdvcmxkIQ== is Base64"
    ),
    "login protocol": _filled(
        "grant_type=authorization_code&code_challenge_method=S256",
        "Authorization: Bearer <token>",
        '"token_type": "Bearer", "expires_in": {D4}',
        'WWW-Authenticate: Bearer error="invalid_token"',
        "The client sends `refresh_token` and gets a new `access_token`.",
        "scope=openid profile offline_access",
        "token_endpoint: https://example.com/token",
    ),
    "header": _filled("X-Request-Id: {h32}", "Content-Type: application/json", "Cache-Control: max-age={D4}, private"),
    "reference to a secret": _filled(
        "secretKeyRef:\n  name: §-credentials\n  key: password",
        "    secretName: §-tls",
        "existingSecret: §-database",
        "token_file: /run/secrets/§_token",
        "PASSWORD_FILE=/run/secrets/db_password",
        "op://Private/§/password",
    ),
    "version": _filled(
        "numpy-1.26.{D1}-cp311-cp311-manylinux_2_17_x86_64.whl",
        "v{D1}.{D2}.{D1}-rc.{D1}+build.{D4}",
        "§ ^{D2}.{D1}.{D1}",
    ),
    "time": _filled("2026-0{D1}-1{D1}T10:2{D1}:3{D1}.{D6}Z", "+49 30 {D8}", "1.{D3}.{D3},00 EUR"),
    "checklist": _filled(
        "- [ ] Rotate the API key",
        "- [x] Password reset mail has a § link",
        "- [ ] `pytest -q tests/auth/test_tokens.py`",
        "- [ ] Token, secret and key names are documented",
    ),
    "option help": _filled(
        "  --password-file PATH   read the password from a file",
        "  --token TOKEN          the access token (default: none)",
        "  -p, --passphrase       ask for the passphrase",
    ),
    "log line": _filled(
        "2026-03-01 10:00:00 INFO auth: token refreshed for § in {D3} ms",
        "WARN password check failed for user §",
        "key=§ value={D4} cached=true",
    ),
    "shell": _filled(
        "pytest -q -k token",
        "mysql -u root -p §",
        "openssl rand -hex 32",
        "ssh -p {D4} §@host",
        "docker run -p {D4}:{D4} §",
        "mkdir -p §/§",
    ),
    "json document": _filled(
        '{"name": "§", "private": true, "version": "{D1}.{D1}.0"}',
        '{"id": "{h24}", "kind": "§", "secret": false}',
        '{"password": null, "token": ""}',
    ),
    "quoted hash in a list": _filled("- sha1 `{h40}`", "- md5 {h32}  §.tar.gz", "{h64}  §.tar.gz"),
    "sentence": _sentence,
    "heading": _filled("## Token rotation", "# Passwords and §", "### Secret: § of the §", "## API keys"),
    "translation": _filled(
        "auth.password.label: Passwort", "login.token_hint=Code aus der Mail", '"forgotPassword": "Passwort vergessen?"'
    ),
}
