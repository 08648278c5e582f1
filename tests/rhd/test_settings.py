from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from rhd.errors import StartRefused
from rhd.settings import TABLE, Settings, parse_origin, write_file


def load(file: Path | None = None, environ: dict[str, str] | None = None, **flags: object) -> Settings:
    return Settings.load(str(file) if file else None, environ or {}, flags)


def test_every_value_knows_where_it_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('port = 1000\npublic_url = "https://a.example.com"\nlog_level = "debug"\n')
    settings = load(file, {"REPO_HARNESS_PORT": "2000", "REPO_HARNESS_LOG_LEVEL": "error"}, port=3000, host=None)
    assert (settings.port, settings.log_level, settings.public_url, settings.host) == (
        3000,
        "error",
        "https://a.example.com",
        "127.0.0.1",
    )
    assert settings.origins == {
        "agent_env": "default",
        "agent_run_s": "default",
        "agent_runs_a_day": "default",
        "agent_runs_at_once": "default",
        "agent_stall_s": "default",
        "allowed_origins": "default",
        "further_origins": "default",
        "further_redirects": "default",
        "host": "default",
        "log_level": "environment",
        "loopback_token_s": "default",
        "port": "flag",
        "public_url": "file",
        "watcher": "default",
    }


def test_no_file_says_nothing(tmp_path: Path) -> None:
    assert load(tmp_path / "none.toml") == load()


@pytest.mark.parametrize(
    "text",
    [
        "port = 70000",
        "agent_run_s = 0",
        "agent_runs_at_once = true",
        'agent_stall_s = "soon"',
        'agent_env = ["A B"]',
        "agent_env = 5",
        'port = "x"',
        "port = true",
        "unknown = 1",
        "port =",
        'allowed_origins = ["x"]',
        'further_origins = ["x"]',
        'further_origins = ["ftp://a.example.com"]',
        'further_origins = ["http://u@a.example.com"]',
        'log_level = "loud"',
        "loopback_token_s = 0",
        "loopback_token_s = 1.5",
        "loopback_token_s = true",
        'further_redirects = ["a.example.com/cb"]',
        'further_redirects = ["http://a.example.com/cb"]',
        'further_redirects = ["javascript://a"]',
        'further_redirects = ["https://a.example.com/c b"]',
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_could(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(StartRefused) as caught:
        load(file)
    assert caught.value.code == "CONFIG_INVALID"
    assert text.split(" ")[0] in caught.value.message or str(file) in caught.value.message


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com"])
def test_cve_2025_49596_an_address_that_others_reach_needs_a_public_url(host: str) -> None:
    with pytest.raises(StartRefused, match="reachable from other machines"):
        load(host=host)
    assert load(host=host, public_url="https://a.example.com").host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9"])
def test_loopback_needs_none(host: str) -> None:
    assert load(host=host).host == host


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://A.Example.com", "https://a.example.com"),
        ("https://a.example.com/", "https://a.example.com"),
        ("https://a.example.com:443", "https://a.example.com"),
        ("https://a.example.com:8443", "https://a.example.com:8443"),
    ],
)
def test_an_origin_has_one_spelling(text: str, origin: str) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    "text", ["http://a.example.com", "https://", "https://u@h", "https://h/x", "https://h?q", "https://h:x", "x"]
)
def test_what_is_no_https_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="https URL"):
        parse_origin(text)


def test_further_origins_may_be_plain_http_and_have_one_spelling() -> None:
    found = load(None, {"REPO_HARNESS_FURTHER_ORIGINS": "http://BOX.example:80, http://127.0.0.1:9000"})
    assert found.further_origins == ("http://box.example", "http://127.0.0.1:9000")


def test_recording_a_setting_keeps_the_rest_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "sub" / "config.toml"
    write_file(str(file), "port", 9000)
    file.write_text(file.read_text() + "# a comment of mine\nlog_level = 'debug'\n")
    write_file(str(file), "public_url", "https://a.example.com")
    assert "# a comment of mine" in file.read_text()
    assert (load(file).port, load(file).log_level, load(file).public_url) == (9000, "debug", "https://a.example.com")
    write_file(str(file), "public_url", None)
    assert load(file).public_url is None
    assert [p.name for p in file.parent.iterdir()] == ["config.toml"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("text", ["port = 9000  # mine\n\nlog_level = 'debug'\n", "# only a comment\n", ""])
def test_recording_a_setting_and_taking_it_out_again_keeps_every_byte(
    tmp_path: Path, text: str, mark: str, end: str
) -> None:
    file = tmp_path / "config.toml"
    before = (mark + text.replace("\n", end)).encode()
    file.write_bytes(before)
    expected = load(file)
    write_file(str(file), "public_url", "https://a.example.com")
    added = f'public_url = "https://a.example.com"{end if text else chr(10)}'.encode()
    assert file.read_bytes() == before + added
    assert load(file).public_url == "https://a.example.com"
    write_file(str(file), "public_url", None)
    assert file.read_bytes() == before
    assert load(file) == expected


def test_a_link_to_the_file_is_written_through(tmp_path: Path) -> None:
    file, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    file.write_bytes(b"port = 9000\r\n")
    link.symlink_to(file)
    write_file(str(link), "log_level", "debug")
    assert link.is_symlink()
    assert file.read_bytes() == b'port = 9000\r\nlog_level = "debug"\r\n'


def test_a_file_that_cannot_be_read_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("port = = 3")
    with pytest.raises(StartRefused):
        write_file(str(file), "port", 9000)
    assert file.read_text() == "port = = 3"


def test_an_unknown_setting_or_a_bad_value_is_not_recorded(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    for name, value in (("color", "red"), ("port", "many")):
        with pytest.raises(StartRefused):
            write_file(str(file), name, value)
    assert not file.exists()


@pytest.mark.parametrize("text", ["prot = 1\nport = 9000\n", "# mine\nport = 9000\n'odd key' = true\n"])
def test_a_name_that_no_setting_has_can_be_taken_out_as_the_refusal_says(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(StartRefused) as refused:
        load(file)
    name = shlex.split(refused.value.next_step.split("rhctl config unset ")[1].split(". Known")[0])[0]
    write_file(str(file), name, None)
    assert load(file).port == 9000
    with pytest.raises(StartRefused, match="no setting"):
        write_file(str(file), name, None)


def test_a_value_that_cannot_be_used_can_be_replaced_as_the_refusal_says(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("port = 'high'\n")
    with pytest.raises(StartRefused) as refused:
        load(file)
    assert "rhctl config set port" in refused.value.next_step
    write_file(str(file), "port", "9000")
    assert file.read_text() == "port = 9000\n"


def test_taking_out_what_is_not_there_makes_no_file(tmp_path: Path) -> None:
    write_file(str(tmp_path / "config.toml"), "port", None)
    assert not list(tmp_path.iterdir())


def test_only_what_reloads_changes_before_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    in_force = load()
    file.write_text("port = 9000\nwatcher = 'poll'\nlog_level = 'debug'\n")
    found = load(file).until_restart(in_force)
    assert (found.port, found.watcher, found.log_level) == (8765, "auto", "debug")
    assert (found.origins["watcher"], found.origins["log_level"]) == ("default", "file")


def test_the_table_is_sorted_and_every_setting_explains_itself() -> None:
    assert [s.name for s in TABLE] == sorted(s.name for s in TABLE)
    assert all(s.help for s in TABLE)
    assert {s.name for s in TABLE} == set(load().to_json())
