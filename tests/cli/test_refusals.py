"""What a person or a script reads when something is wrong: words, JSON, exit codes, no traceback.

What is refused and why is held by tests/journeys/test_bad_input.py; here it is how that is said.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import IO

import click
import pytest

from tests.cli.conftest import Told
from tests.support.network import WINDLASS, spec
from windlass.cli.front import VERBS, Verb
from windlass.cli.main import run

GOOD = spec("lab", consensus="solo", chain_id=20268, bootnodes=1)


Call = Callable[..., Told]


def output_to(file: int | IO[str], *arguments: str, **variables: str) -> tuple[int, str]:
    """Runs the command with its output going there; exit code and standard error."""
    done = subprocess.run(
        [str(WINDLASS), *arguments],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=file,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        (["statsu"], "windlass status"),
        (["dwon"], "windlass down"),
        (["acounts", "list"], "windlass accounts"),
        (["accounts", "lst"], "windlass accounts list"),
        (["spec", "chekc"], "windlass spec check"),
        (["binaries", "verfy"], "windlass binaries verify"),
    ],
)
def test_a_mistyped_verb_gets_the_nearest(
    wrong: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Verbs and sub-verbs name what was probably meant, and exit with 2."""
    assert run(wrong) == 2
    assert f"Did you mean `{meant}`?" in capsys.readouterr().err


def test_a_verb_like_none_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing is near, what there is is listed."""
    assert run(["xyzzy"]) == 2
    told = capsys.readouterr().err
    assert all(name in told for name in VERBS)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (["status", "--json"], 1, "no_state"),
        (["accounts", "list", "--json"], 1, "no_state"),
        (["send", "0x" + "ab" * 20, "1", "--json"], 1, "no_state"),
        (["send", "bob", "lots", "--json"], 2, "usage"),
        (["spec", "check", "-f", "none.yaml", "--json"], 2, "spec_unreadable"),
        (["plan", "-f", "none.yaml", "--json"], 2, "spec_unreadable"),
        (["plan", "--jsonn", "--json"], 2, "usage"),
        (["plan", os.fsdecode(b"caf\xe9"), "--json"], 2, "usage"),
        (["binaries", "lists", "--json"], 2, "usage"),
    ],
)
def test_json_is_json_also_when_it_fails(
    arguments: list[str], exit_code: int, code: str, tmp_path: Path, call: Call
) -> None:
    """A script that asked for JSON gets one document, with the words of a person in it."""
    (tmp_path / "windlass.yaml").write_text(GOOD)
    told = call(*arguments)
    document = json.loads(told.out)
    assert told.code == exit_code
    assert set(document) == {"schema", "error"}
    assert document["schema"] == 1
    assert document["error"]["code"] == code
    assert document["error"]["sentence"].endswith((".", "?"))
    assert told.err == ""


def test_a_wrong_spec_names_every_problem(tmp_path: Path, call: Call) -> None:
    """In words a line each, which editors can jump to; in JSON a list with numbers."""
    (tmp_path / "windlass.yaml").write_text(GOOD.replace("solo", "sole") + "    nods: 1\n")
    told = call("spec", "check")
    file = tmp_path / "windlass.yaml"
    assert told.code == 2
    assert len([line for line in told.err.splitlines() if line.startswith(f"error: {file}:")]) == 2
    problems = json.loads(call("spec", "check", "--json").out)["error"]["problems"]
    assert {one["field"].rsplit(".", 1)[-1] for one in problems} == {"consensus", "nods"}
    assert all(one["line"] > 1 and one["column"] >= 1 and one["sentence"] for one in problems)


def test_warnings_are_no_errors(tmp_path: Path, call: Call) -> None:
    """Three validators are allowed; that they tolerate no fault is said, and the exit code is 0."""
    text = spec("lab", chain_id=20268, validators=3)
    (tmp_path / "windlass.yaml").write_text(text)
    told = call("spec", "check")
    assert told.code == 0
    assert told.err.startswith("warning: ")
    assert "is right" in told.out
    document = json.loads(call("spec", "check", "--json").out)
    assert len(document["warnings"]) == 1


def broken_verb(error: Exception) -> click.Command:
    """A verb with a defect."""

    @click.command("broken")
    @click.option("--json", is_flag=True)
    def command(json: bool) -> None:
        raise error

    return command


@pytest.fixture
def defective(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Adds the verb `broken`, which raises that error."""

    def add(error: Exception) -> None:
        module = types.ModuleType("windlass.cli.broken")
        module.__dict__["broken_command"] = broken_verb(error)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(VERBS, "broken", Verb("broken", "Break."))

    return add


def test_a_defect_is_a_sentence_and_a_file(
    defective: Callable[[Exception], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No traceback on the terminal; the file has it, for its owner's eyes only."""
    defective(ZeroDivisionError("by nought"))
    monkeypatch.setitem(sys.modules["tempfile"].__dict__, "tempdir", str(tmp_path))
    assert run(["broken"]) == 1
    told = capsys.readouterr()
    assert "Traceback" not in told.err + told.out
    assert "ZeroDivisionError: by nought" in told.err
    (report,) = tmp_path.iterdir()
    assert str(report) in told.err
    assert report.stat().st_mode & 0o777 == 0o600
    assert "Traceback" in report.read_text()
    assert "$ windlass broken" in report.read_text()


def test_a_defect_in_json(
    defective: Callable[[Exception], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is a document, too."""
    defective(KeyError("x"))
    monkeypatch.setitem(sys.modules["tempfile"].__dict__, "tempdir", str(tmp_path))
    assert run(["broken", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "defect"


def test_debug_shows_the_traceback(
    defective: Callable[[Exception], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """WINDLASS_DEBUG=1 lets the error through as it is."""
    defective(ZeroDivisionError("by nought"))
    monkeypatch.setenv("WINDLASS_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run(["broken"])


def test_what_the_system_refuses_is_no_defect(
    defective: Callable[[Exception], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that may not be read is named with the system's reason."""
    defective(PermissionError(errno.EACCES, "Permission denied", "/etc/secret"))
    assert run(["broken"]) == 1
    told = capsys.readouterr().err
    assert "Permission denied (/etc/secret)" in told
    assert "defect" not in told


def test_an_interrupt_is_130(
    defective: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C ends any verb with one word and the code that shells expect."""
    defective(KeyboardInterrupt())
    assert run(["broken"]) == 130
    assert capsys.readouterr().err == "error: Interrupted.\n"


def test_what_a_stranger_sent_is_not_obeyed(
    defective: Callable[[Exception], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Escape sequences in an error's text do not reach the terminal."""
    from windlass.kit.errors import WindlassError

    defective(WindlassError("It said \x1b]0;owned\x07.", "See \x1b[2J it."))
    assert run(["broken"]) == 1
    assert "\x1b" not in capsys.readouterr().err


def test_a_reader_that_has_gone_is_no_error() -> None:
    """`windlass … | head -1` ends quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert output_to(writer, "spec", "schema") == (0, "")
    finally:
        os.close(writer)


def test_a_reader_that_has_gone_does_not_change_the_exit_code(tmp_path: Path) -> None:
    """A refusal stays one when nobody reads it: scripts go by the code."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        code, _ = output_to(writer, "doctor", "--json", "-f", str(tmp_path / "windlass.yaml"))
        assert code == 1
    finally:
        os.close(writer)


@pytest.mark.parametrize("arguments", [["--help"], ["spec", "schema"]])
def test_a_full_disk_behind_the_output_is_told(arguments: list[str]) -> None:
    """What could not be written is not passed over in silence."""
    with Path("/dev/full").open("w") as full:
        code, told = output_to(full, *arguments)
    assert code == 1
    assert told == "error: Standard output can't be written: No space left on device.\n"


def test_a_terminal_without_these_characters() -> None:
    """An output that can't hold a character does not end the command."""
    code, told = output_to(subprocess.DEVNULL, "frühstück", PYTHONIOENCODING="ascii")
    assert code == 2
    assert "There is no verb" in told


def test_a_directory_that_is_gone(call: Call, tmp_path: Path) -> None:
    """Standing in a deleted directory is the system's refusal, not a defect."""
    tmp_path.rmdir()
    told = call("status")
    assert told.code == 1
    assert "No such file or directory" in told.err


def test_deleting_all_programs_asks_first(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without anybody to answer, nothing is deleted."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    told = call("binaries", "remove")
    assert told.code == 2
    assert "--yes" in told.err
    assert call("binaries", "remove", "--yes") == (0, "There was nothing to delete.\n", "")


@pytest.mark.parametrize("verb", ["install", "remove"])
def test_a_program_that_is_unknown(verb: str, call: Call) -> None:
    """What there is is named."""
    told = call("binaries", verb, "besu")
    assert told.code == 2
    assert "geth, cometbft" in told.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["logs", "--since", "yesterday"], "90s"),
        (["scale", "lab", "validators=7"], "nodes=3"),
        (["send", "0x" + "ab" * 20, "1.0000000000000000001"], "wei"),
        (["send", "0x" + "ab" * 20, str(2**256)], "more than can exist"),
        (["send", "0x" + "ab" * 20, "1_0"], "not an amount"),
        (["send", "0x" + "ab" * 20, "\N{ARABIC-INDIC DIGIT ONE}"], "not an amount"),
        (["send", "0x" + "ab" * 20, "9" * 60_000], "9…' is not an amount"),
        (["logs", "--since", ""], "90s"),
        (["scale", "lab", "nodes=\N{ARABIC-INDIC DIGIT ONE}"], "nodes=3"),
        (["down", "--purge", "--yes", "-f", ""], "names no file"),
        (["down", "-f", "typo.yaml"], "There is no spec at"),
        (["binaries", "install", "geth="], "names no version"),
        (["accounts", "import", "x", "--key", "0xabc"], "--key"),
        *((["up", "--timeout", value], "1<=x<=86400") for value in ("0", "nan", "inf", "86401")),
        (["up", "--timeout", "soon"], "'soon'"),
    ],
)
def test_a_wrong_value_is_named(arguments: list[str], word: str, call: Call) -> None:
    """Wrong usage is exit code 2, with the right form or the value that is meant."""
    told = call(*arguments)
    assert told.code == 2
    assert word in told.err


def test_init_writes_what_check_takes(call: Call, tmp_path: Path) -> None:
    """Both templates are right as they are; a file that is there stays."""
    for template in ("ethereum", "ethereum-solo"):
        file = f"{template}/windlass.yaml"
        assert call("init", "--template", template, "-f", file).code == 0
        assert call("spec", "check", "-f", file).err == ""
        before = (tmp_path / file).read_text()
        told = call("init", "-f", file)
        assert told.code == 1
        assert "is there already" in told.err
        assert (tmp_path / file).read_text() == before


def test_plan_touches_nothing(call: Call, tmp_path: Path) -> None:
    """What would run is shown in words and JSON; no file comes into being, no secret is shown."""
    (tmp_path / "windlass.yaml").write_text(GOOD)
    told = call("plan")
    assert told.code == 0
    assert "lab/sealer (sealer)" in told.out
    assert "stand-ins" in told.err
    workloads = json.loads(call("plan", "--json").out)["workloads"]
    assert {one["role"] for one in workloads} == {
        "sealer", "node", "bootnode", "registrar", "gateway", "dashboard"
    }  # fmt: skip
    secret = [file for one in workloads for file in one["files"] if file["secret"]]
    assert secret
    assert {file["content"] for file in secret} == {None}
    assert [path.name for path in tmp_path.iterdir()] == ["windlass.yaml"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_us(shell: str, call: Call) -> None:
    """Each shell gets a script that calls windlass back."""
    told = call("completion", shell)
    assert told.code == 0
    assert "_WINDLASS_COMPLETE" in told.out


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("windlass sta", ["start", "status"]),
        ("windlass accounts n", ["new"]),
        ("windlass up --det", ["--detach"]),
        ("windlass stop ", []),
    ],
)
def test_words_are_completed(
    words: str, offered: list[str], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verbs, sub-verbs and options; nothing where there is nothing to name."""
    monkeypatch.setenv("_WINDLASS_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    found = [line.partition(",")[2] for line in call().out.splitlines() if "," in line]
    assert found == offered
