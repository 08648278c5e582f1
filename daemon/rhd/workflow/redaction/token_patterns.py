"""Secrets that their issuers made recognisable, as a table: what each begins with, and what follows.

A shape alone is no secret: documentation is full of `ghp_xxxx…` and `sk-ant-your-key-here`. What follows a prefix that
only tokens have is a secret unless it is a placeholder or a name; after a prefix that words have too, it must look
random. No pattern can fail after an unbounded run that another attempt would read again: all is linear in time.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rhd.workflow.redaction.heuristics import Secret, is_basic, is_issued, is_placeholder, looks_issued, looks_random

Verdict = Callable[[re.Match[str]], bool]


class _Shape(NamedTuple):
    """A recognisable secret.

    Attributes:
        type: stands in the replacement and in the counts.
        marks: the pattern is only tried if one of these stands in a word that is long enough.
        pattern: its group `secret` is what is replaced; without one it is the whole match, which
            then has to begin a word.
        is_secret: whether what matched is one.
    """

    type: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]
    is_secret: Verdict


def _body_is_random(match: re.Match[str]) -> bool:
    return looks_random(match["body"])


def _body_is_issued(match: re.Match[str]) -> bool:
    return is_issued(match["body"])


def _body_varies(match: re.Match[str]) -> bool:
    """Say whether the body is no placeholder, where it is too short or of too few letters to be called random."""
    return len(set(match["body"])) > 6 and not is_placeholder(match["body"])


def _is_signed(match: re.Match[str]) -> bool:
    # One of thousands of characters may have its signature behind the end of what is searched.
    return match[0].count(".") >= 2 or (len(match[0]) > _LONG_TOKEN and match.end() == len(match.string))


_LONG_TOKEN = 2000


def _is_telling(match: re.Match[str]) -> bool:
    """Classify what follows a word that names a secret: one random run, since such words begin names and paths too."""
    body = match["body"]
    if _UUID_AT_END.search(body):
        return match["name"] != "key"
    run = max(_RUNS.findall(body), key=len)
    if len(run) < 20 or is_placeholder(run) or not any(map(str.isdigit, run)):
        return False
    if _HEX.fullmatch(run):
        return len(run) >= 32 and not (match["name"] == "key" and len(run) == 40) and _body_varies(match)
    return looks_random(run)


_UUID_AT_END = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_RUNS = re.compile(r"[A-Za-z0-9]+")
_HEX = re.compile(r"[0-9a-f]+")


def _is_mixed(match: re.Match[str]) -> bool:
    return looks_issued(match["body"]) and is_issued(match["body"])


def _is_login(match: re.Match[str]) -> bool:
    return is_basic(match["secret"])


def _is_encoded_key(match: re.Match[str]) -> bool:
    return b"PRIVATE KEY" in b64decode(match[0][:96])


def _is_password(match: re.Match[str]) -> bool:
    password, name = match["secret"], match["name"]
    return not (is_placeholder(password) or password == name or (len(password) < 4 and password.isalpha()))


def _begun(type_: str, prefixes: str, body: str, is_secret: Verdict = _body_is_issued) -> _Shape:
    """Return the shape that one of `prefixes` begins."""
    marks = tuple(prefixes.split())
    return _Shape(type_, marks, re.compile(rf"(?:{'|'.join(map(re.escape, marks))})(?P<body>{body})"), is_secret)


def _shape(type_: str, marks: str, pattern: str, is_secret: Verdict = _body_is_random) -> _Shape:
    return _Shape(type_, tuple(marks.split()), re.compile(pattern), is_secret)


# Where two begin at the same place the first names the type, so what is more special stands first.
_SHAPES = (
    _begun("age_key", "AGE-SECRET-KEY-1 AGE-SECRET-KEY-PQ-1", r"[A-Z0-9]{40,}+"),
    _begun("anthropic_key", "sk-ant-", r"[A-Za-z0-9_-]{16,}+"),
    _begun("langfuse_key", "sk-lf-", r"[0-9a-f-]{30,}+", _body_varies),
    _begun("openai_key", "sk-proj- sk-svcacct- sk-admin- sk-or-v1- sk-None-", r"[A-Za-z0-9_-]{16,}+"),
    _begun("openai_key", "sk-", r"[A-Za-z0-9]{20,}+", _body_is_random),
    _begun("groq_key", "gsk_", r"[A-Za-z0-9]{40,}+"),
    _begun("xai_key", "xai-", r"[A-Za-z0-9]{40,}+"),
    _begun("perplexity_key", "pplx-", r"[A-Za-z0-9]{32,}+"),
    _begun("replicate_token", "r8_", r"[A-Za-z0-9]{30,}+"),
    _begun("nvidia_key", "nvapi-", r"[A-Za-z0-9_-]{40,}+"),
    _begun("langsmith_key", "lsv2_pt_ lsv2_sk_", r"[0-9a-f]{32}_[0-9a-f]{8,}+"),
    _begun("tavily_key", "tvly-", r"[A-Za-z0-9-]{20,}+"),
    _begun("huggingface_token", "hf_ api_org_", r"[A-Za-z0-9]{30,}+"),
    _begun("github_token", "ghp_ gho_ ghu_ ghs_ ghr_", r"[A-Za-z0-9]{30,}+"),
    _begun("github_token", "github_pat_", r"[A-Za-z0-9_]{22,}+"),
    _begun("gitlab_token", "glpat- gldt- glrt- glptt- glcbt- glft- glsoat- glagent- gloas- glimt- glffct- GR1348941",
           r"[A-Za-z0-9_.-]{18,}+", _body_varies),
    _begun("atlassian_token", "ATATT3", r"[A-Za-z0-9_=-]{50,}+"),
    _begun("slack_token", "xoxa- xoxb- xoxc- xoxe- xoxe. xoxo- xoxp- xoxr- xoxs- xapp-", r"[A-Za-z0-9-]{10,}+"),
    _shape("slack_webhook", "hooks.slack.com/",
           r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>(?P<body>[\w/-]{20,}+))"),
    _shape("discord_webhook", "/api/webhooks/", r"/api/webhooks/\d{15,20}+/(?P<secret>(?P<body>[\w-]{50,}+))"),
    _shape("discord_token", "M N O", r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.(?P<body>[A-Za-z0-9_-]{27,}+)"),
    _shape("telegram_token", ":AA", r"[0-9]{8,10}:(?P<secret>AA(?P<body>[A-Za-z0-9_-]{33}))", _body_is_issued),
    _begun("aws_key_id", "AKIA ASIA", r"[A-Z0-9]{16}(?![A-Za-z0-9])", _body_varies),
    _begun("aws_bedrock_key", "ABSK", r"[A-Za-z0-9+/=]{100,}+"),
    _begun("google_key", "AIza", r"[A-Za-z0-9_-]{35}"),
    _begun("google_token", "ya29.", r"[A-Za-z0-9_-]{20,}+"),
    _begun("google_secret", "GOCSPX-", r"[A-Za-z0-9_-]{20,}+"),
    _shape("google_token", ":APA91b", r":(?P<secret>APA91b(?P<body>[A-Za-z0-9_-]{100,}+))"),
    _shape("azure_signature", "sig=", r"(?<![A-Za-z0-9_.-])sig=(?P<secret>(?P<body>[A-Za-z0-9%+/=_-]{40,}+))"),
    _begun("npm_token", "npm_", r"[A-Za-z0-9]{30,}+"),
    _begun("pypi_token", "pypi-", r"[A-Za-z0-9_-]{50,}+"),
    _begun("rubygems_key", "rubygems_", r"[0-9a-f]{40,}+"),
    _begun("docker_token", "dckr_pat_ dckr_oat_", r"[A-Za-z0-9_-]{20,}+"),
    _begun("stripe_key", "sk_live_ sk_test_ rk_live_ rk_test_", r"[A-Za-z0-9]{16,}+"),
    _begun("stripe_secret", "whsec_", r"[A-Za-z0-9+/=]{24,}+"),
    _begun("square_secret", "sq0csp- sq0atp-", r"[A-Za-z0-9_-]{22,}+"),
    _begun("shopify_token", "shpat_ shpca_ shppa_ shpss_", r"[0-9a-fA-F]{32}"),
    _begun("sendgrid_key", "SG.", r"[A-Za-z0-9_-]{16,}+\.[A-Za-z0-9_-]{32,}+"),
    _begun("resend_key", "re_", r"[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}+"),
    _begun("twilio_key", "SK", r"[0-9a-f]{32}(?![A-Za-z0-9])"),
    _begun("digitalocean_token", "dop_v1_ doo_v1_ dor_v1_", r"[0-9a-f]{40,}+"),
    _begun("fly_token", "fm1_ fm2_", r"[A-Za-z0-9+/=_-]{60,}+"),
    _begun("tailscale_key", "tskey-", r"[a-z]{3,10}-[A-Za-z0-9-]{20,}+"),
    _begun("vault_token", "hvs. hvb. hvr.", r"[A-Za-z0-9_-]{24,}+"),
    _shape("terraform_token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.(?P<body>[A-Za-z0-9_-]{60,}+)"),
    _begun("doppler_token", "dp.st. dp.pt. dp.ct. dp.sa. dp.scim. dp.audit.",
           r"(?:[a-z0-9_-]{1,35}\.)?[A-Za-z0-9]{40,}+"),
    _begun("pulumi_token", "pul-", r"[0-9a-f]{40}"),
    _begun("onepassword_token", "ops_eyJ", r"[A-Za-z0-9_-]{100,}+"),
    _begun("databricks_token", "dapi", r"[0-9a-f]{32}"),
    _begun("supabase_key", "sbp_ sb_secret_", r"[A-Za-z0-9_-]{28,}+"),
    _begun("planetscale_token", "pscale_pw_ pscale_tkn_ pscale_oauth_", r"[A-Za-z0-9_.-]{30,}+"),
    _begun("vercel_token", "vercel_blob_rw_", r"[A-Za-z0-9]{12,}+_[A-Za-z0-9]{24,}+"),
    _begun("grafana_token", "glsa_ glc_", r"[A-Za-z0-9+/=_]{32,}+"),
    _begun("sentry_token", "sntrys_ sntryu_", r"[A-Za-z0-9+/=_-]{40,}+"),
    _begun("newrelic_key", "NRAK-", r"[A-Z0-9]{27}", _body_varies),
    _begun("posthog_key", "phx_", r"[A-Za-z0-9]{40,}+"),
    _begun("postman_key", "PMAK-", r"[0-9a-f]{24}-[0-9a-f]{34}"),
    _begun("figma_token", "figd_ figu_ figo_", r"[A-Za-z0-9_-]{36,}+"),
    _begun("contentful_token", "CFPAT-", r"[A-Za-z0-9_-]{40,}+"),
    _begun("linear_key", "lin_api_ lin_oauth_", r"[A-Za-z0-9]{30,}+"),
    _begun("notion_token", "ntn_", r"[A-Za-z0-9]{30,}+"),
    _begun("repo_harness_token", "rha_ rhc_ rhr_", r"[A-Za-z0-9_-]{40,}+"),
    _begun("artifactory_key", "AKCp", r"[A-Za-z0-9]{60,}+"),
    _begun("sonarqube_token", "squ_ sqp_ sqa_", r"[0-9a-f]{40}"),
    _begun("buildkite_token", "bkua_", r"[0-9a-f]{40}"),
    _begun("circleci_token", "CCIPAT_ CCIPRJ_", r"[A-Za-z0-9_]{30,}+"),
    _begun("netlify_token", "nfp_ nfc_ nfo_ nfu_", r"[A-Za-z0-9]{36,}+"),
    _begun("render_key", "rnd_", r"[A-Za-z0-9]{26,}+", _body_is_random),
    _begun("heroku_key", "HRKU-", r"[A-Za-z0-9_-]{36,}+"),
    _begun("bitbucket_token", "ATBB ATCTT3", r"[A-Za-z0-9_=-]{32,}+", _body_is_random),
    _begun("nuget_key", "oy2", r"[a-z0-9]{43}(?![A-Za-z0-9])", _body_is_random),
    _begun("crates_token", "cio", r"[A-Za-z0-9]{32}(?![A-Za-z0-9])", _body_is_random),
    _begun("clojars_token", "CLOJARS_", r"[0-9a-z]{60}"),
    _begun("dynatrace_token", "dt0c01.", r"[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    _begun("sourcegraph_token", "sgp_", r"[A-Za-z0-9_]{40,}+"),
    _begun("readme_key", "rdme_", r"[a-z0-9]{60,}+"),
    _begun("brevo_key", "xkeysib- xsmtpsib-", r"[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    _begun("mailgun_key", "key-", r"[0-9a-f]{32}(?![A-Za-z0-9])", _body_varies),
    _shape("mailchimp_key", "-us", r"(?<![A-Za-z0-9])(?P<secret>(?P<body>[0-9a-f]{32})-us[0-9]{1,2})(?![A-Za-z0-9])",
           _body_varies),
    _begun("airtable_token", "pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    _begun("facebook_token", "EAA", r"[A-Za-z0-9_-]{60,}+", _body_is_random),  # and Square's
    _begun("braintree_token", "access_token$production$ access_token$sandbox$", r"[a-z0-9]{16}\$[0-9a-f]{32}"),
    _begun("paypal_token", "A21AA", r"[A-Za-z0-9_-]{60,}+"),
    _begun("shippo_token", "shippo_live_ shippo_test_", r"[0-9a-f]{40}"),
    _begun("flutterwave_key", "FLWSECK- FLWSECK_TEST-", r"[A-Za-z0-9-]{20,}+"),
    _begun("easypost_key", "EZAK EZTK", r"[A-Za-z0-9]{54}", _body_is_random),
    _begun("google_token", "1//0", r"[A-Za-z0-9_-]{40,}+"),
    _shape("azure_secret", "Q~",
           r"(?<![A-Za-z0-9])(?P<secret>(?P<body>[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}))"),
    _shape("azure_key", "AZDO", r"(?<![A-Za-z0-9])(?P<secret>(?P<body>[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}))"),
    _begun("alibaba_key_id", "LTAI", r"[A-Za-z0-9]{17,21}(?![A-Za-z0-9])", _body_is_random),
    _begun("dropbox_token", "sl.u. sl.", r"[A-Za-z0-9_-]{60,}+"),
    _begun("typeform_token", "tfp_", r"[A-Za-z0-9_.-]{40,}+"),
    _begun("adafruit_key", "aio_", r"[A-Za-z0-9]{28}", _body_is_random),
    _begun("apify_token", "apify_api_", r"[A-Za-z0-9]{30,}+"),
    _begun("pinecone_key", "pcsk_", r"[A-Za-z0-9_]{40,}+"),
    _begun("cerebras_key", "csk-", r"[a-z0-9]{40,}+"),
    _begun("e2b_key", "e2b_", r"[0-9a-f]{40}"),
    _begun("jina_key", "jina_", r"[A-Za-z0-9_-]{50,}+"),
    _begun("firecrawl_key", "fc-", r"[0-9a-f]{32}(?![A-Za-z0-9])", _body_varies),
    _begun("neon_key", "napi_", r"[a-z0-9]{60,}+"),
    _begun("infracost_key", "ico-", r"[A-Za-z0-9]{32}(?![A-Za-z0-9])", _body_is_random),
    _begun("mapbox_token", "sk.eyJ", r"[A-Za-z0-9_-]{40,}+\.[A-Za-z0-9_-]{20,}+"),
    _begun("cloudflare_key", "v1.0-", r"[0-9a-f]{24}-[0-9a-f]{100,}+"),
    _begun("prefect_key", "pnu_ pnb_", r"[A-Za-z0-9]{36}"),
    _begun("frameio_token", "fio-u-", r"[A-Za-z0-9_=-]{60,}+"),
    _shape("discord_token", "mfa.", r"mfa\.(?P<body>[A-Za-z0-9_-]{80,}+)"),
    _shape("teams_webhook", "/IncomingWebhook/", r"/IncomingWebhook/(?P<secret>(?P<body>[A-Za-z0-9]{20,}+))"),
    _begun("elevenlabs_key", "sk_", r"[0-9a-f]{48}(?![A-Za-z0-9])", _body_varies),
    _begun("fireworks_key", "fw_", r"[A-Za-z0-9]{22,}+", _body_is_random),
    _begun("together_key", "tgp_v1_", r"[A-Za-z0-9_-]{30,}+"),
    _begun("brave_key", "BSA", r"[A-Za-z0-9_-]{24,}+(?![A-Za-z0-9])", _body_is_random),
    _begun("daytona_key", "dtn_", r"[0-9a-f]{60,}+"),
    _begun("logfire_token", "pylf_v1_us_ pylf_v1_eu_", r"[A-Za-z0-9]{30,}+"),
    _begun("wandb_key", "wandb_v1_", r"[A-Za-z0-9_]{40,}+"),
    _begun("duffel_token", "duffel_live_ duffel_test_", r"[A-Za-z0-9_=-]{40,}+"),
    _begun("mailersend_token", "mlsn.", r"[0-9a-f]{60,}+"),
    _begun("launchdarkly_key", "sdk- mob-", r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", _body_varies),
    _begun("plaid_token", "access-production- access-development- access-sandbox-",
           r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", _body_varies),
    _begun("octopus_key", "API-", r"[A-Z0-9]{26}(?![A-Za-z0-9])", _body_is_random),
    _begun("harness_token", "pat. sat.", r"[A-Za-z0-9_-]{22}\.[0-9a-f]{24}\.[A-Za-z0-9]{20}"),
    _begun("defined_key", "dnkey-", r"[a-z0-9=_-]{26}-[a-z0-9=_-]{52}"),
    _begun("scalingo_token", "tk-us-", r"[A-Za-z0-9_-]{48}"),
    _begun("intra42_secret", "s-s4t2ud- s-s4t2af-", r"[0-9a-f]{64}"),
    _begun("yandex_key", "AQVN", r"[A-Za-z0-9_-]{35,}+"),
    _begun("tencent_key_id", "AKID", r"[A-Za-z0-9]{32}(?![A-Za-z0-9])", _body_is_random),
    _begun("artifactory_token", "cmVmdGtu", r"[A-Za-z0-9]{50,}+"),
    _begun("openshift_token", "sha256~", r"[A-Za-z0-9_-]{43}"),
    _begun("honeycomb_key", "hcaik_ hcamk_", r"[a-z0-9]{50,}+"),
    _begun("axiom_token", "xaat- xapt-", r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", _body_varies),
    _shape("bitwarden_token", "0.",
           r"0\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(?P<body>[A-Za-z0-9]{30}):[A-Za-z0-9+/]{22}=="),
    _shape("asana_token", "1/ 2/", r"[12]/[0-9]{16}(?:/[0-9]{16})?:(?P<body>[0-9a-f]{32})", _body_varies),
    _shape("bitcoin_key", "5H 5J 5K K L", r"(?:5[HJK][1-9A-HJ-NP-Za-km-z]{8}|[KL][1-9A-HJ-NP-Za-km-z]{9})"
           r"(?P<body>[1-9A-HJ-NP-Za-km-z]{41,42})(?![A-Za-z0-9])"),
    _shape("otp_secret", "otpauth://", r"otpauth://[^\s\"'`<>]{1,200}?[?&]secret=(?P<secret>(?P<body>[A-Za-z2-7]{16,}+))",
           _body_varies),
    # A private key in base64 once more, as Kubernetes has it; certificates begin alike.
    _shape("private_key", "LS0tLS1CRUdJTi", r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]{100,}+", _is_encoded_key),
    # Matches even without its second part, so that no run is read from each of its places.
    _shape("jwt", "eyJ", r"eyJ[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+){1,3}+)?+", _is_signed),
    # Issuers that the table lacks: a word that names a secret, or a short one, and then what no person writes.
    _shape("token", "sk_ sk- pat_ pat- oat_ oat- key_ key- token_ token- secret_ secret- live_ live- oauth_",
           r"[a-z]{0,8}(?P<name>key|sk|pat|oat|token|secret|live|oauth)[_-](?P<body>[A-Za-z0-9_-]{20,}+)", _is_telling),
    _shape("token", "_", r"(?<![A-Za-z0-9])[a-z][a-z0-9]{1,11}_(?P<secret>(?P<body>[A-Za-z0-9]{40,}+))", _is_mixed),
)  # fmt: skip
_IN_URLS = (
    # With a slash, a hash or a question mark in it as people write them, though not after what is a port.
    _shape(
        "password",
        "://",
        r"://(?P<name>[^\s:/?#\[\"'<>`]{0,64}+):(?!(?:\d{1,5}|PORT|port|[$<{][^/?#@\s]{0,40}+)[/?#]|\d{1,5}@)"
        r"(?P<secret>[^\s\"'`/?#]{1,256}|[^\s\"'`@]{1,256})@",
        _is_password,
    ),
    _shape("password", "://", r"://(?P<secret>(?P<body>[A-Za-z0-9_-]{20,256}+))@(?=\w)"),
)
# As in Docker's `config.json`: name and password in Base64.
_LOGIN = _shape(
    "docker_auth",
    "auth",
    r"\bauth\\?[\"']?[ \t]{0,4}+[:=]\s{0,4}+\\?[\"']?(?P<secret>[A-Za-z0-9+/]{12,}+={0,2})",
    _is_login,
)

# What an AWS key id is a name for usually stands near it, with or without a telling name.
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
_AWS_NEAR_CHARS = 200
_COMMIT = re.compile(r"[0-9a-f]{40}")

# What a word may follow without a space: an escape of JSON or of a URL, a colour of a terminal.
_ESCAPE = re.compile(r"(?:\\[nrtbf]|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}|\[[0-9;]{1,9}m)\Z")
_MAX_ESCAPE = 11

# Nearly all words of a text are shorter than any secret, so that what the marks are sought in is only a few words.
_MIN_WORD_CHARS = 20
_BY_MARK = tuple((mark, shape) for shape in _SHAPES for mark in shape.marks)


def find_shapes(text: str) -> list[Secret]:
    """Return the recognisable secrets in `text`, in order, none within another."""
    found: list[Secret] = []
    long_words = " ".join([word for word in text.split() if len(word) >= _MIN_WORD_CHARS])
    for shape in dict.fromkeys([shape for mark, shape in _BY_MARK if mark in long_words]):
        if shape.pattern.search(long_words):
            of_shape = list(_matches(shape, text))
            found += of_shape
            if shape.type == "aws_key_id":
                found += _aws_secrets(text, of_shape)
    if "://" in text and "@" in text:  # however short
        for shape in _IN_URLS:
            found += _matches(shape, text)
    if "auth" in text:
        found += _matches(_LOGIN, text)
    return _apart(found) if len(found) > 1 else found


def _matches(shape: _Shape, text: str) -> Iterator[Secret]:
    group = "secret" if "secret" in shape.pattern.groupindex else 0
    for match in shape.pattern.finditer(text):
        if (group or _begins_word(text, match.start())) and shape.is_secret(match):
            yield Secret(*match.span(group), shape.type)


def _begins_word(text: str, at: int) -> bool:
    before = text[at - 1 : at]
    return not (before.isascii() and before.isalnum()) or bool(_ESCAPE.search(text, max(0, at - _MAX_ESCAPE), at))


def _aws_secrets(text: str, key_ids: list[Secret]) -> Iterator[Secret]:
    done = 0
    for key_id in key_ids:
        for secret in _AWS_SECRET.finditer(text, max(done, key_id.end), key_id.end + _AWS_NEAR_CHARS):
            if looks_random(secret[0]) and not is_placeholder(secret[0]) and not _COMMIT.fullmatch(secret[0]):
                yield Secret(*secret.span(), "aws_secret")
                done = secret.end()


def _apart(found: list[Secret]) -> list[Secret]:
    """Return what was found in order, and as one what overlaps."""
    apart: list[Secret] = []
    for secret in sorted(found, key=lambda secret: secret.start):
        if apart and secret.start < apart[-1].end:
            apart[-1] = apart[-1]._replace(end=max(apart[-1].end, secret.end))
        else:
            apart.append(secret)
    return apart
