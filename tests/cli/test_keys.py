"""`windlass keys` as people and scripts call it: words, exit codes, and no secret in either."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Told
from tests.support.keys import PASSPHRASE, exported, vault_files, with_keys
from tests.support.network import spec
from tests.support.terminal import Terminal
from tests.support.wait import until
from windlass.runtimes.local.place import Place
from windlass.vault.vault import Vault

TEXT = spec("lab", consensus="solo", chain_id=20268, nodes=0, bootnodes=1)
Call = Callable[..., Told]


@pytest.fixture(autouse=True)
def _own_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the states of the person's own networks."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg-state"))


@pytest.fixture
def lab(tmp_path: Path) -> Place:
    """The folder that commands are called in, with keys, and a file with a passphrase."""
    (tmp_path / "secret").write_text(PASSPHRASE + "\n")
    (tmp_path / "secret").chmod(0o600)
    return with_keys(tmp_path, TEXT, {"lab/sealer/p2p": 41903})


def secret_words(place: Place) -> list[str]:
    """Every secret of the vault in digits."""
    keys = Vault(place.state / "vault").existing("lab")
    assert keys is not None
    found = [
        value
        for one in keys.identities.values()
        for value in (one.node_key, one.jwt, one.fee_key)
        if value
    ]
    assert keys.passphrase_file is not None
    return [*found, keys.passphrase_file.read_text().strip(), PASSPHRASE]


def test_keys_are_exported_and_come_back(lab: Place, tmp_path: Path, call: Call) -> None:
    """Without a name it gets one that says of what and when; the next step can be copied."""
    before = vault_files(lab)
    told = call("keys", "export", "--passphrase-file", "secret")
    assert (told.code, told.err) == (0, "")
    (file,) = tmp_path.glob("*.keys")
    assert re.fullmatch(r"windlass-\d{8}T\d{6}Z\.keys", file.name)
    assert f"Wrote {file.name}: all keys of lab." in told.out
    assert f"keys import {file.name}" in told.out
    back = call(
        *("keys", "import", file.name, "-f", "back/windlass.yaml", "--passphrase-file", "secret")
    )
    assert back.code == 0
    assert "Imported: all keys of lab" in back.out
    assert "Blocks are in no export" in back.out
    assert f"{lab.state} has the same keys" in back.err
    place = Place(spec_path=tmp_path / "back/windlass.yaml", state=tmp_path / "back/.windlass")
    assert vault_files(place) == before
    for secret in secret_words(lab):
        assert secret not in told.out + told.err + back.out + back.err


def test_json_of_all_three(lab: Place, tmp_path: Path, call: Call) -> None:
    """One document each, with what a script needs and no secret."""
    listed = json.loads(call("keys", "list", "--json").out)
    assert listed["exported"] is None
    done = json.loads(call("keys", "export", "x.keys", "--passphrase-file", "secret", "--json").out)
    assert done == {
        "schema": 1,
        "file": str(tmp_path / "x.keys"),
        "networks": ["lab"],
        "files": len(vault_files(lab)),
        "warnings": [],
    }
    again = json.loads(call("keys", "list", "--json").out)
    assert again["keys"] == listed["keys"]
    assert again["exported"]["complete"] is True
    back = json.loads(call("keys", "import", "x.keys", "--passphrase-file", "secret", "--json").out)
    assert (back["was_there"], back["spec"], back["blocks"]) == (True, "kept", False)
    assert back["state"] == str(lab.state)
    assert list(back["networks"]) == ["lab"]


def test_the_list_for_people(lab: Place, call: Call) -> None:
    """Owners and kinds, and whether the last export has all of them."""
    assert "They were never exported." in call("keys", "list").out
    exported(lab, lab.spec_path.with_name("x.keys"))
    told = call("keys", "list").out
    assert "All of them are in the export of 20" in told
    assert {line.split()[2] for line in told.splitlines()[1:] if line.startswith("lab")} == {
        "enode",
        "fees",
        "jwt",
        "account",
    }
    Vault(lab.state / "vault").accounts("lab").new("shop")
    assert "Not all of them are in the export of 20" in call("keys", "list").out
    assert not any(secret in told for secret in secret_words(lab))


def spoil(file: Path, kind: str) -> None:
    """Makes something else of an exported file."""
    whole = file.read_bytes()
    file.unlink()
    if kind == "fifo":
        os.mkfifo(file)
    elif kind == "directory":
        file.mkdir()
    elif kind == "huge":
        with file.open("wb") as sparse:
            sparse.truncate(1 << 40)
    elif kind == "loop":
        file.symlink_to(file.name)
    elif kind != "missing":
        changed = {
            "empty": b"",
            "foreign": b"PK\x03\x04" + whole,
            "cut": whole[:-100],
            "altered": whole[:-1] + bytes([whole[-1] ^ 1]),
            "newer": whole.replace(b'"schema":1', b'"schema":2', 1),
            "greedy": whole.replace(b'"n":131072', b'"n":1073741824', 1),
        }[kind]
        file.write_bytes(changed)


@pytest.mark.parametrize(
    ("kind", "code", "word"),
    [
        ("missing", "file", "cannot be read"),
        ("fifo", "file", "no regular file"),
        ("directory", "file", "is a directory"),
        ("huge", "file", "larger"),
        ("loop", "file", "cannot be read"),
        ("empty", "not_an_export", "does not begin"),
        ("foreign", "not_an_export", "does not begin"),
        ("cut", "not_an_export", "cut off"),
        ("greedy", "not_an_export", "too much"),
        ("altered", "export_not_opened", "changed the file"),
        ("newer", "export_newer", "newer release"),
    ],
)
def test_what_is_no_export_is_refused(
    lab: Place, call: Call, kind: str, code: str, word: str
) -> None:
    """Each with its own code and sentence, exit code 1; and nothing is made."""
    file = exported(lab, lab.spec_path.with_name("x.keys"))
    spoil(file, kind)
    words = ("keys", "import", "x.keys", "-f", "new/windlass.yaml", "--passphrase-file", "secret")
    refused = call(*words, "--json")
    error = json.loads(refused.out)["error"]
    assert (refused.code, error["code"]) == (1, code)
    assert word in error["sentence"]
    assert not lab.spec_path.with_name("new").exists()


@pytest.mark.parametrize(
    ("secret", "exit_code", "code"),
    [
        (b"", 2, "weak_passphrase"),
        (b"\n", 2, "weak_passphrase"),
        (b"short\n", 2, "weak_passphrase"),
        (b"caf\xe9 caf\xe9 caf\xe9", 2, "usage"),
        (b"x" * 5000, 2, "weak_passphrase"),
        (b"x" * 50_000, 1, "file"),
    ],
)
def test_a_passphrase_that_will_not_do(
    lab: Place, call: Call, secret: bytes, exit_code: int, code: str
) -> None:
    """Is refused before anything is written, without a word of it."""
    lab.spec_path.with_name("secret").write_bytes(secret)
    refused = call("keys", "export", "x.keys", "--passphrase-file", "secret", "--json")
    error = json.loads(refused.out)["error"]
    assert (refused.code, error["code"]) == (exit_code, code)
    assert not lab.spec_path.with_name("x.keys").exists()
    assert len(secret) < 2 or secret.decode("latin-1").strip() not in refused.out


def test_a_wrong_passphrase_opens_nothing(lab: Place, call: Call) -> None:
    """Exit code 1, and what to try next."""
    exported(lab, lab.spec_path.with_name("x.keys"))
    lab.spec_path.with_name("secret").write_text("another horse battery\n")
    refused = call("keys", "import", "x.keys", "-f", "new/w.yaml", "--passphrase-file", "secret")
    assert refused.code == 1
    assert "does not open" in refused.err
    assert "another horse" not in refused.err
    assert not lab.spec_path.with_name("new").exists()


def test_a_passphrase_file_that_others_can_read(lab: Place, call: Call) -> None:
    """Is used, and that is said."""
    lab.spec_path.with_name("secret").chmod(0o644)
    told = call("keys", "export", "x.keys", "--passphrase-file", "secret")
    assert told.code == 0
    assert "Others can read secret (mode 0644)" in told.err
    assert "chmod 600 secret" in told.err


def test_a_pipe_is_not_waited_for(lab: Place, call: Call) -> None:
    """Neither as the passphrase's file nor for one that nobody types."""
    os.mkfifo(lab.spec_path.with_name("pipe"))
    refused = call("keys", "export", "x.keys", "--passphrase-file", "pipe")
    assert refused.code == 1
    assert "no regular file" in refused.err
    refused = call("keys", "export", "x.keys")
    assert refused.code == 2
    assert "--passphrase-file" in refused.err


@pytest.mark.parametrize(
    ("target", "exit_code", "word"),
    [
        ("secret", 1, "is there already"),
        (".", 1, "is there already"),
        ("none/x.keys", 2, "There is no directory"),
        (".windlass/x.keys", 2, "among the data"),
        (".windlass/vault/lab/x.keys", 2, "among the data"),
        ("", 2, "empty"),
    ],
)
def test_where_no_export_belongs(
    lab: Place, call: Call, target: str, exit_code: int, word: str
) -> None:
    """Over another file, and where it would be lost with what it is for."""
    before = lab.spec_path.with_name("secret").read_bytes()
    refused = call("keys", "export", target, "--passphrase-file", "secret")
    assert (refused.code, word in refused.err) == (exit_code, True), refused.err
    assert lab.spec_path.with_name("secret").read_bytes() == before


def test_without_keys(call: Call) -> None:
    """Nothing to list, nothing to export, and how to come by some."""
    for words in (("list",), ("export", "--passphrase-file", "none")):
        refused = call("keys", *words)
        assert refused.code == 1
        assert "windlass up" in refused.err


def test_the_passphrase_is_asked_for_twice(lab: Place) -> None:
    """On a terminal, unseen; a mistyped second one asks again."""
    with Terminal(lab.spec_path.parent, "keys", "export", "x.keys", columns=120) as terminal:
        for prompts, typed in enumerate(
            (PASSPHRASE, "mistyped horse", PASSPHRASE, PASSPHRASE), start=1
        ):
            until(
                lambda wanted=prompts: asked(terminal.lines()) >= wanted,  # type: ignore[misc]
                f"question {prompts}",
            )
            terminal.press(typed.encode() + b"\r")
        assert terminal.ended(timeout_s=60) == 0
        drawn = "\n".join(terminal.lines())
    assert "horse" not in drawn
    assert lab.spec_path.with_name("x.keys").is_file()
    with Terminal(
        lab.spec_path.parent, "keys", "import", "x.keys", "-f", "new/w.yaml", columns=120
    ) as terminal:
        until(lambda: asked(terminal.lines()) == 1, "the question")
        terminal.press(PASSPHRASE.encode() + b"\r")
        assert terminal.ended(timeout_s=60) == 0
        assert asked(terminal.lines()) == 1
    assert lab.spec_path.with_name("new").joinpath("w.yaml").is_file()


def asked(lines: list[str]) -> int:
    """How many questions for a passphrase there are."""
    return sum(line.startswith(("Passphrase:", "Repeat for confirmation:")) for line in lines)


def test_purge_warns_of_keys_that_are_in_no_export(lab: Place, call: Call) -> None:
    """Whether it asks or goes on; not once they are exported, again when a key was made since."""
    refused = call("down", "--purge")
    assert refused.code == 2
    assert "were never exported" in refused.err
    exported(lab, lab.spec_path.with_name("x.keys"))
    assert "warning" not in call("down", "--purge").err
    Vault(lab.state / "vault").accounts("lab").new("shop")
    done = call("down", "--purge", "--yes")
    assert done.code == 0
    assert "since its last export" in done.err
    assert not lab.state.exists()
    nothing = call("down", "--purge", "--yes")
    assert "warning" not in nothing.err


def test_purge_asks_whoever_has_exported_nothing(lab: Place) -> None:
    """On a terminal the warning comes before the question, and a no deletes nothing."""
    before = vault_files(lab)
    with Terminal(lab.spec_path.parent, "down", "--purge", columns=200) as terminal:
        until(lambda: any("[y/N]" in line for line in terminal.lines()), "the question")
        terminal.press(b"n\r")
        assert terminal.ended(timeout_s=30) == 1
        told = "\n".join(terminal.lines())
    assert told.index("were never exported") < told.index("[y/N]")
    assert vault_files(lab) == before
