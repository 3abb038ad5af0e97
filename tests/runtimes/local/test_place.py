"""Paths that lead nowhere, or that no file of ours can name, are refused in words."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.network import WINDLASS, environment
from tests.support.network import spec as spec_text
from windlass.kit.errors import UsageError
from windlass.runtimes.local.errors import UnusableState
from windlass.runtimes.local.place import locate

NOBODY = ["unshare", "--user", "--map-user=47110"]
"""Before a command: runs it as a user that no file tells of, without root."""


def test_a_link_to_itself(tmp_path: Path) -> None:
    """As the file, or as a folder on the way to it."""
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path / "loop", tmp_path / "loop" / "windlass.yaml"):
        with pytest.raises(UsageError, match="leads back to itself"):
            locate(str(path))


def test_a_state_that_is_a_link_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable that named it is what to change."""
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.setenv("WINDLASS_STATE", str(tmp_path / "loop"))
    with pytest.raises(UsageError, match="WINDLASS_STATE"):
        locate(str(tmp_path / "windlass.yaml"))


def test_a_home_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """`~name` of a user that there is not, in the option and in the variable."""
    with pytest.raises(UsageError, match="no user nobody-here"):
        locate("~nobody-here/windlass.yaml")
    monkeypatch.setenv("WINDLASS_STATE", "~nobody-here")
    with pytest.raises(UsageError, match="lead to the state"):
        locate("windlass.yaml")


def test_a_path_that_is_no_utf8(tmp_path: Path) -> None:
    """The byte is spelled out, so that the sentence can be printed and be JSON."""
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    with pytest.raises(UsageError) as error:
        locate(str(folder / "windlass.yaml"))
    assert r"caf\xe9/windlass.yaml" in error.value.sentence
    assert error.value.sentence.isascii()


@pytest.mark.parametrize("arguments", [["plan"], ["up", "--detach"]])
def test_a_user_without_a_home(tmp_path: Path, arguments: list[str]) -> None:
    """No HOME and no entry among the users: the variable that helps is named, and does help."""
    (tmp_path / "windlass.yaml").write_text(spec_text("lab", consensus="solo", nodes=0))
    variables = {**environment(), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for name in ("HOME", "XDG_STATE_HOME", "WINDLASS_STATE"):
        variables.pop(name, None)

    def run(words: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*NOBODY, str(WINDLASS), *words],
            cwd=tmp_path,
            env={**variables, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    done = run(arguments)
    assert done.returncode == 1
    assert "no home directory" in done.stderr
    assert "XDG_STATE_HOME" in done.stderr
    helped = run(["plan"], XDG_STATE_HOME=str(tmp_path / "state"))
    assert helped.returncode == 0, helped.stderr
    assert "lab/sealer" in helped.stdout


@pytest.mark.parametrize(
    "file", ["loop", "~nobody-here/windlass.yaml", os.fsdecode(b"caf\xe9/windlass.yaml")]
)
def test_the_command_says_so(tmp_path: Path, file: str) -> None:
    """Wrong usage, exit code 2, in words and as a JSON document."""
    (tmp_path / "loop").symlink_to("loop")

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(WINDLASS), "plan", "-f", file, *more],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    for done in (run(), run("--json")):
        assert done.returncode == 2
        assert "defect" not in done.stdout + done.stderr
    assert '"code": "usage"' in run("--json").stdout


def test_a_state_of_another_user(tmp_path: Path) -> None:
    """Whose it is, is said; what is refused for another reason is told as the system did."""
    denied = PermissionError(errno.EACCES, "Permission denied", str(tmp_path))
    assert "Permission denied" in UnusableState.refused(tmp_path, denied).sentence
    other, owner = Path("/"), "root"
    if os.geteuid() == 0:
        other, owner = tmp_path, "number 47110"
        os.chown(other, 47110, -1)
    assert f"another user, {owner}" in UnusableState.refused(other, denied).sentence
