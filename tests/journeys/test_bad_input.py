"""Whatever is wrong with what a person gives, the answer is a sentence and exit code 1 or 2."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.network import WINDLASS, spec

GOOD = spec("lab", consensus="solo", chain_id=20266, bootnodes=1)
TIMEOUT_S = 60

# What is wrong, the file, the command, the exit code, a word that the sentence must have.
SPECS: list[tuple[str, str, int, str]] = [
    ("an empty file", "", 2, "windlass.yaml"),
    ("only a comment", "# nothing\n", 2, "windlass.yaml"),
    ("no YAML", "networks: [a, b\n", 2, "windlass.yaml:"),
    ("a tab for indentation", GOOD.replace("  lab:", "\tlab:"), 2, "windlass.yaml:"),
    ("a list on top", "- a\n- b\n", 2, "windlass.yaml:"),
    ("a field that does not exist", GOOD + "    validatorz: 3\n", 2, "validatorz"),
    ("a number as text", GOOD.replace("20266", "many"), 2, "chain_id"),
    ("a float for a whole number", GOOD.replace("20266", "1.5"), 2, "chain_id"),
    ("a negative number", GOOD.replace("20266", "-1"), 2, "chain_id"),
    ("a public network's chain id", GOOD.replace("20266", "1"), 2, "chain_id"),
    ("a consensus that does not exist", GOOD.replace("solo", "clique"), 2, "consensus"),
    ("a block time below a second", GOOD + "    block_time_s: 0.5\n", 2, "block_time_s"),
    ("three sealers", GOOD + "    validators: 3\n", 2, "validators"),
    ("a name that is no label", GOOD.replace("name: lab", "name: My Lab!"), 2, "name"),
    ("a balance without unit", GOOD.replace("1000000 ether", "lots"), 2, "balance"),
    ("a wrong address", GOOD.replace("name: treasury", 'address: "0x12"'), 2, "address"),
    ("the same key twice", GOOD + "    consensus: solo\n", 2, "consensus"),
    ("a client version that is unknown", GOOD + "    clients: {geth: 1.13.0}\n", 2, "geth"),
    ("a port that is none", GOOD + "    ports: {rpc: 99999}\n", 2, "rpc"),
    ("a newer schema", GOOD.replace("schema: 1", "schema: 99"), 2, "schema"),
    ("two documents", GOOD + "---\n" + GOOD, 2, "windlass.yaml"),
    ("an alias bomb", "a: &a [x]\nb: &b [*a,*a]\nc: [*b,*b]\n", 2, "windlass.yaml"),
    ("control characters", "name: \x00\x01\n", 2, "windlass.yaml"),
]

COMMANDS: list[tuple[tuple[str, ...], int, str]] = [
    (("fly",), 2, "fly"),
    (("statsu",), 2, "status"),
    (("up", "--fast"), 2, "--fast"),
    (("up", "--timeout", "soon"), 2, "soon"),
    (("up", "-f", "nowhere.yaml"), 2, "nowhere.yaml"),
    (("up", "-f", "."), 2, "director"),
    (("init", "--template", "bitcoin"), 2, "bitcoin"),
    (("spec", "check", "-f", "nowhere.yaml"), 2, "nowhere.yaml"),
    (("status",), 1, "windlass up"),
    (("logs",), 1, "windlass up"),
    (("accounts", "list"), 1, "windlass up"),
    (("stop", "node-0"), 1, "windlass up"),
    (("start", "node-0"), 1, "windlass up"),
    (("scale", "lab", "nodes=2"), 1, "windlass up"),
    (("scale", "lab", "many"), 2, "nodes="),
    (("scale", "lab", "nodes=-1"), 2, "nodes="),
    (("send", "0x12", "1"), 1, "windlass up"),
    (("down", "--purge"), 2, "--yes"),
    (("run", "nothing", "--settings", "x"), 2, "nothing"),
    (("run", "registrar", "--settings", "nowhere.json"), 2, "nowhere.json"),
    (("binaries", "install", "--geth", "9.9.9"), 2, ""),
    (("completion", "cobol"), 2, "cobol"),
]


def windlass(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the command there, with nobody at the keyboard."""
    return subprocess.run(
        [str(WINDLASS), *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def assert_refused(done: subprocess.CompletedProcess[str], code: int, word: str) -> None:
    """The exit code is the expected one and the words are for a person."""
    printed = done.stdout + done.stderr
    assert "Traceback" not in printed, printed
    assert "defect" not in printed, printed
    assert done.returncode == code, printed
    assert word in printed, printed
    assert len(done.stderr.strip()) > 15, "no sentence"


@pytest.mark.parametrize(("what", "text", "code", "word"), SPECS, ids=[one[0] for one in SPECS])
def test_a_wrong_spec_is_refused(
    what: str, text: str, code: int, word: str, tmp_path: Path
) -> None:
    """`up` refuses it before anything is touched, and names file and field."""
    (tmp_path / "windlass.yaml").write_text(text)
    assert_refused(windlass(tmp_path, "up", "--detach"), code, word)
    assert [path.name for path in tmp_path.iterdir()] == ["windlass.yaml"]


@pytest.mark.parametrize(
    ("arguments", "code", "word"), COMMANDS, ids=[" ".join(one[0]) for one in COMMANDS]
)
def test_a_wrong_command_is_refused(
    arguments: tuple[str, ...], code: int, word: str, tmp_path: Path
) -> None:
    """Wrong usage is exit code 2, nothing there yet is 1; both say what to do."""
    (tmp_path / "windlass.yaml").write_text(GOOD)
    assert_refused(windlass(tmp_path, *arguments), code, word)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are named as such."""
    (tmp_path / "windlass.yaml").write_bytes(b"\xff\xfe\x00name")
    assert_refused(windlass(tmp_path, "up", "--detach"), 2, "windlass.yaml")


def test_a_file_too_large_is_refused(tmp_path: Path) -> None:
    """A file that nobody can mean is not read to its end."""
    (tmp_path / "windlass.yaml").write_text("# " + "x" * (32 << 20))
    assert_refused(windlass(tmp_path, "spec", "check"), 2, "windlass.yaml")


def test_no_file_names_init(tmp_path: Path) -> None:
    """Without a spec the way to one is named."""
    assert_refused(windlass(tmp_path, "up", "--detach"), 2, "windlass init")


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    """A spec that is there stays as it is."""
    (tmp_path / "windlass.yaml").write_text("mine\n")
    assert_refused(windlass(tmp_path, "init"), 1, "windlass.yaml")
    assert (tmp_path / "windlass.yaml").read_text() == "mine\n"


def test_a_taken_port_names_who_has_it(tmp_path: Path) -> None:
    """A port that was asked for and is taken is refused before anything is started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        (tmp_path / "windlass.yaml").write_text(GOOD + f"    ports: {{rpc: {number}}}\n")
        done = windlass(tmp_path, "up", "--detach")
    assert_refused(done, 1, str(number))
    assert str(os.getpid()) in done.stderr, "who has it is not named"


def corrupt_state(state: Path) -> None:
    """Something that SQLite can't read."""
    (state / "state.db").write_bytes(b"not a database" * 100)


def newer_state(state: Path) -> None:
    """A state that a later release wrote."""
    import sqlite3

    with sqlite3.connect(state / "state.db") as database:
        database.execute("PRAGMA user_version = 999")
    database.close()


@pytest.mark.parametrize("damage", [corrupt_state, newer_state])
@pytest.mark.parametrize("verb", ["status", "up", "down"])
def test_a_state_that_cannot_be_used_is_refused(
    damage: Callable[[Path], None], verb: str, tmp_path: Path
) -> None:
    """A damaged or newer state is named, and left as it is."""
    (tmp_path / "windlass.yaml").write_text(GOOD)
    state = tmp_path / ".windlass"
    state.mkdir(mode=0o700)
    damage(state)
    before = (state / "state.db").read_bytes()
    assert_refused(windlass(tmp_path, verb, *(["--detach"] if verb == "up" else [])), 1, "state")
    assert (state / "state.db").read_bytes() == before


def test_a_state_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """WINDLASS_STATE must be a folder that can be written."""
    (tmp_path / "windlass.yaml").write_text(GOOD)
    (tmp_path / "file").write_text("")
    done = windlass(tmp_path, "up", "--detach", WINDLASS_STATE=str(tmp_path / "file"))
    assert_refused(done, 1, "WINDLASS_STATE")
