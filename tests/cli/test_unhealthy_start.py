"""`windlass up` that does not become healthy in time: what is told, and what runs afterwards."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.support.network import Network
from tests.support.wait import until

pytestmark = pytest.mark.timeout(300)

HELD_BACK = """\
#!/bin/sh
# The real geth, but it opens no data before that file is there.
case "$*" in
*--datadir*) while [ ! -e {gate} ]; do sleep 0.1; done ;;
esac
exec {geth} "$@"
"""


@pytest.fixture
def gate(tmp_path: Path, geth_binary: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file for which every geth of this test waits."""
    gate = tmp_path / "gate"
    program = tmp_path / "programs" / "geth"
    program.parent.mkdir()
    program.write_text(
        HELD_BACK.format(gate=shlex.quote(str(gate)), geth=shlex.quote(str(geth_binary)))
    )
    program.chmod(0o755)
    monkeypatch.setenv("WINDLASS_TEST_BINARIES", str(program.parent))
    return gate


def test_what_is_late_is_told_and_stopped(small: Network, gate: Path) -> None:
    """Exit code 1; the sentence names who was late and where to look; nothing runs on."""
    done = small.run("up", "--detach", "--timeout", "4", check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "Not everything became healthy: brook/sealer: geth" in errors[0]
    assert "windlass logs NODE" in done.stderr
    assert "Stops what was started" in done.stderr
    until(lambda: not small.pids(), "nothing runs any more", timeout_s=10)
    assert {one["state"] for one in small.nodes()} == {"stopped"}


def test_keep_leaves_it_as_it_is(small: Network, gate: Path) -> None:
    """The same sentence and exit code, but all of it runs on and can be looked at; it becomes
    healthy by itself once what it lacked is there, and `down` stops it."""
    done = small.run("up", "--detach", "--timeout", "4", "--keep", check=False)
    assert done.returncode == 1
    assert "Not everything became healthy: brook/sealer: geth" in done.stderr
    assert "Stops what was started" not in done.stderr
    assert "runs on, as --keep wants it" in done.stderr
    assert "stopped" not in {one["state"] for one in small.nodes()}
    running = set(small.pids())
    assert running

    gate.touch()
    until(lambda: small.status()["healthy"], "healthy after all", timeout_s=60)
    assert running <= set(small.pids())
    small.run("down")
    until(lambda: not small.pids(), "nothing runs any more", timeout_s=10)
