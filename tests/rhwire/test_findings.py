from __future__ import annotations

from rhwire.findings import Finding


def test_the_owner_is_told_paths_and_the_client_as_it_is_typed_for_this_home() -> None:
    found = Finding("profiles.none", "project")
    assert found.to_json("rhctl --home /x") == {
        "id": "profiles.none",
        "check": "profiles",
        "status": "warning",
        "message": "no profile is started, so HTTP clients are served nothing",
        "cause": None,
        "next_step": "Run: rhctl --home /x start project",
        "repo": "project",
    }


def test_a_model_is_told_to_ask_the_owner_and_no_path() -> None:
    found = Finding("repository.id_removed", "project", path="/home/me/secret")
    told = found.to_model()
    assert told["next_step"] == "Ask the owner to run: rhctl adopt PATH"
    assert "/home/me" in str(found.to_json())
    assert "/home/me" not in str(told)


def test_a_part_whose_only_word_is_none_is_left_out() -> None:
    words = {"message": "it is full", "path": "/db", "next_step": "Free space."}
    assert Finding("store.failing", kept=None, **words).to_json()["cause"] is None
    assert Finding("store.failing", kept="3 changes", **words).to_json()["cause"] == "3 changes"


def test_words_are_not_read_as_braces() -> None:
    assert Finding("home.ok", home="/x/{run}").to_json()["message"] == "/x/{run}"
