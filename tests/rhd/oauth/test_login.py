"""Reading an authorization request; a login as signed text."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from rhd.errors import Refusal
from rhd.ids import RepoId
from rhd.oauth.clients import Client
from rhd.oauth.errors import RedirectError
from rhd.oauth.login import MAX_STATE_CHARS, VALID_S, Login, LoginSigner, client_of, digest_browser, read_request
from rhd.web.origins import Origins
from tests.support.oauth_service import LOCAL, PORT, PUBLIC, START, Clock

CALLBACK = "http://127.0.0.1:5000/callback"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
CLIENT = Client("c", "A Client", (CALLBACK, "https://claude.ai/api/mcp/auth_callback"))
GOOD = {
    "client_id": "c",
    "redirect_uri": CALLBACK,
    "response_type": "code",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "state": "s",
    "resource": f"{LOCAL}/mcp",
    "scope": "planner",
}


def read(*more: tuple[str, str], **changes: str | None) -> Login:
    parameters = [(k, v) for k, v in (GOOD | changes).items() if v is not None]
    return read_request(
        [*parameters, *more],
        CLIENT,
        origin=LOCAL,
        browser="b" * 22,
        now=START,
        is_trusted=True,
        resource_of=Origins(PUBLIC, PORT).resource_of,
    )


def refused(caught: pytest.ExceptionInfo[RedirectError]) -> dict[str, str]:
    location = caught.value.location
    assert location.startswith(CALLBACK + "?")
    found = parse_qs(urlsplit(location).query, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values())
    assert found["iss"] == [LOCAL], "iss is on every error, too"
    return {k: v[0] for k, v in found.items()}


def test_a_good_request_is_a_login() -> None:
    login = read()
    assert (login.redirect_uri, login.state, login.challenge) == (CALLBACK, "s", CHALLENGE)
    assert (login.resource, login.scopes, login.opened) == ("hub", ("planner",), ())
    assert (login.origin, login.began_at) == (LOCAL, START)


@pytest.mark.parametrize(
    ("resource", "means"),
    [
        (f"{PUBLIC}/mcp", "hub"),
        (f"{PUBLIC}/r/one/mcp", "one"),
        (f"{LOCAL}/r/never-heard-of/mcp", "never-heard-of"),
        ("http://localhost:8765/mcp/", "hub"),
        (None, "hub"),
    ],
)
def test_the_resource_may_be_named_under_any_origin_and_need_not_exist(resource: str | None, means: str) -> None:
    assert read(resource=resource).resource == means


def test_a_resource_named_twice_alike_is_one() -> None:
    assert read(("resource", f"{PUBLIC}/mcp")).resource == "hub"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "x" * 42}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"resource": "https://evil.example/mcp"}, "invalid_target"),
        ({"resource": f"{LOCAL}/other"}, "invalid_target"),
    ],
)
def test_what_is_wrong_is_told_to_the_client(changes: dict[str, str | None], error: str) -> None:
    with pytest.raises(RedirectError) as caught:
        read(**changes)
    told = refused(caught)
    assert (told["error"], told["state"]) == (error, "s")


@pytest.mark.parametrize("name", ["state", "scope", "response_type", "code_challenge", "code_challenge_method"])
def test_a_parameter_given_twice_is_refused(name: str) -> None:
    with pytest.raises(RedirectError) as caught:
        read((name, GOOD[name]))
    assert refused(caught)["error"] == "invalid_request"


def test_two_different_resources_are_refused() -> None:
    with pytest.raises(RedirectError) as caught:
        read(("resource", f"{LOCAL}/r/one/mcp"))
    assert refused(caught)["error"] == "invalid_target"


def test_a_state_beyond_measure_is_refused_and_not_sent_back() -> None:
    assert read(state="s" * MAX_STATE_CHARS).state == "s" * MAX_STATE_CHARS
    with pytest.raises(RedirectError) as caught:
        read(state="s" * (MAX_STATE_CHARS + 1))
    assert "state" not in refused(caught)


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://evil.example/cb"},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": "http://127.0.0.1:5000/callback#x"},
        {"redirect_uri": None},
    ],
)
def test_nobody_is_sent_to_an_address_that_the_client_has_not_named(changes: dict[str, str | None]) -> None:
    with pytest.raises(Refusal) as caught:
        read(**changes)
    assert caught.value.code == "LOGIN_REFUSED"


def test_two_redirects_or_clients_lead_nowhere() -> None:
    with pytest.raises(Refusal):
        read(("redirect_uri", CALLBACK))
    for parameters in ([], [("client_id", "a"), ("client_id", "b")]):
        with pytest.raises(Refusal):
            client_of(parameters)


def test_unknown_parameters_and_scopes_are_ignored() -> None:
    login = read(("nonce", "x"), scope="openid orchestrator profile offline_access", prompt="none")
    assert login.scopes == ("orchestrator", "offline_access")


class TestLoginSigner:
    def test_a_login_comes_back_as_it_was(self) -> None:
        signer, login = LoginSigner(b"k" * 32, Clock()), read()
        signed = signer.sign(login)
        assert signer.verify(signed, browser="b" * 22, origin=LOCAL) == login
        assert LoginSigner(b"k" * 32, Clock()).verify(signed, browser="b" * 22, origin=LOCAL) == login, (
            "after a restart"
        )

    def test_the_stored_key_cannot_prove_a_passphrase(self) -> None:
        """A backup of the database held the key, which forged a login that had proven one."""
        signer, forger = LoginSigner(b"k" * 32, Clock()), LoginSigner(b"k" * 32, Clock())
        forged = forger.sign(replace(read(), opened=((RepoId.new(), "mark"),)))
        assert forger.verify(forged, browser="b" * 22, origin=LOCAL).opened
        assert signer.verify(forged, browser="b" * 22, origin=LOCAL).opened == ()
        assert not signer.has_opened(forged)

    def test_a_proof_is_of_one_login_alone(self) -> None:
        signer, mark = LoginSigner(b"k" * 32, Clock()), ((RepoId.new(), "mark"),)
        fields = signer._signer.loads(signer.sign(replace(read(), opened=mark)))
        fields[0] = read().id
        assert signer.verify(signer._signer.dumps(fields), browser="b" * 22, origin=LOCAL).opened == ()

    def test_the_stored_key_leads_to_no_redirect_that_would_be_refused(self) -> None:
        evil = replace(read(), redirect_uri="https://evil.example/callback")
        signer = LoginSigner(b"k" * 32, Clock())
        with pytest.raises(Refusal) as caught:
            signer.verify(signer.sign(evil), browser="b" * 22, origin=LOCAL)
        assert caught.value.code == "LOGIN_REFUSED"

    def test_what_was_opened_is_seen_without_looking_further(self) -> None:
        signer, login = LoginSigner(b"k" * 32, Clock()), read()
        opened = replace(login, opened=((RepoId.new(), "mark"),))
        assert not signer.has_opened(signer.sign(login))
        assert signer.has_opened(signer.sign(opened))
        assert not LoginSigner(b"K" * 32, Clock()).has_opened(signer.sign(opened))
        clock = Clock()
        signer = LoginSigner(b"k" * 32, clock)
        signed = signer.sign(opened)
        clock.move(VALID_S + 1)
        assert not signer.has_opened(signed), "it can no longer be answered"
        assert not signer.has_opened("")
        assert not signer.has_opened("x" * 100_000)

    def test_another_browser_origin_key_or_text_is_refused(self) -> None:
        clock = Clock()
        signer, signed = LoginSigner(b"k" * 32, clock), LoginSigner(b"k" * 32, clock).sign(read())
        attempts = [
            (signer, signed, "c" * 22, LOCAL),
            (signer, signed, "", LOCAL),
            (signer, signed, digest_browser("b" * 22), LOCAL),
            (signer, signed, "b" * 22, PUBLIC),
            (LoginSigner(b"K" * 32, clock), signed, "b" * 22, LOCAL),
            (signer, signed[:-1], "b" * 22, LOCAL),
            (signer, "", "b" * 22, LOCAL),
            (signer, "x" * 100_000, "b" * 22, LOCAL),
        ]
        for by, text, browser, origin in attempts:
            with pytest.raises(Refusal) as caught:
                by.verify(text, browser=browser, origin=origin)
            assert caught.value.code == "LOGIN_REFUSED"

    @pytest.mark.parametrize("seconds", [VALID_S + 1, -3600])
    def test_ten_minutes_later_or_before_it_began_it_is_over(self, seconds: float) -> None:
        clock = Clock()
        signer = LoginSigner(b"k" * 32, clock)
        signed = signer.sign(read())
        clock.move(seconds)
        with pytest.raises(Refusal) as caught:
            signer.verify(signed, browser="b" * 22, origin=LOCAL)
        assert caught.value.code == "LOGIN_EXPIRED"

    def test_a_code_is_the_same_at_every_visit_and_tells_nothing_of_the_login(self) -> None:
        login, other = read(), read()
        signer = LoginSigner(b"k" * 32, Clock())
        assert signer.code_of(login) == LoginSigner(b"k" * 32, Clock()).code_of(login)
        assert signer.code_of(login) != signer.code_of(other)
        assert signer.code_of(login) != LoginSigner(b"K" * 32, Clock()).code_of(login)
        first, hyphen, last = signer.code_of(login).partition("-")
        assert (len(first), hyphen, len(last)) == (4, "-", 4)
