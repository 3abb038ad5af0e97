"""Standard streams as they come: closed, or full of bytes that are no text."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.network import WINDLASS, environment
from windlass.chains.ethereum import keystore
from windlass.runtimes.local.place import Place, locate
from windlass.runtimes.local.state import NetworkRow, State
from windlass.spec.load import load
from windlass.vault.vault import Vault

SPEC = """
schema: 1
name: harbour
networks:
  trade: {family: ethereum, consensus: solo, chain_id: 20261}
"""
NETWORK = NetworkRow(
    name="trade", family="ethereum", consensus="solo", chain_id=20261, block_time_s=1
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A network with keys and a state that was never started."""
    (tmp_path / "windlass.yaml").write_text(SPEC)
    place = locate(str(tmp_path / "windlass.yaml"))
    Vault(place.state / "vault").identities("trade", load(place.spec_path).spec.networks["trade"])
    with State.open(place.state, create=True) as state:
        state.set_networks([NETWORK])
    return place


def redirected(
    place: Place, redirection: str, *arguments: str, given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Runs the command through a shell that redirects its streams."""
    return subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {redirection}', str(WINDLASS), *arguments],
        cwd=place.spec_path.parent,
        env=environment(),
        input=given,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--help"], 0), (["init"], 1), (["plan", "--json"], 0), (["logs", "x"], 2)],
)
@pytest.mark.parametrize("redirection", [">&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_streams_change_nothing(
    place: Place, redirection: str, arguments: list[str], code: int
) -> None:
    """What nobody wants to read goes nowhere; the exit code is the same, and so are the words on
    the streams that are open."""
    usual = redirected(place, "", *arguments)
    done = redirected(place, redirection, *arguments)
    assert (usual.returncode, done.returncode) == (code, code)
    assert done.stdout == b""
    assert done.stderr == (b"" if "2>&-" in redirection else usual.stderr)


def test_the_state_is_not_where_output_goes(place: Place) -> None:
    """Closed streams leave no number free that the database could get: it stays whole."""
    done = redirected(place, "<&- >&- 2>&-", "accounts", "new", "shop")
    assert done.returncode == 0
    with State.open(place.state) as state:
        assert [one.name for one in state.networks()] == ["trade"]
    accounts = Vault(place.state / "vault").accounts("trade")
    assert len(accounts.private_key("shop")) == 32


def test_a_closed_input_is_nobody_to_ask(place: Place) -> None:
    """Deleting is refused, as where standard input is a file."""
    done = redirected(place, "<&-", "down", "--purge")
    assert done.returncode == 2
    assert b"--yes" in done.stderr
    assert place.state.is_dir()


@pytest.mark.parametrize("redirection", ["<&-", ""])
def test_no_key_is_imported_from_nothing(place: Place, redirection: str) -> None:
    """An input that is closed or empty holds no key; that is told, and nothing is kept."""
    done = redirected(place, redirection, "accounts", "import", "till")
    assert done.returncode in (1, 2)
    assert b"64 hex digits" in done.stderr
    assert b"defect" not in done.stderr
    assert "till" not in {one.name for one in Vault(place.state / "vault").accounts("trade").all()}


@pytest.mark.parametrize("way", ["key", "passphrase", "passphrase file"])
def test_a_secret_that_is_no_text(place: Place, way: str) -> None:
    """Bytes that are no UTF-8 are wrong usage, and no part of the secret is shown."""
    secret = b"open \xff sesame"
    folder = place.spec_path.parent
    (folder / "old.json").write_bytes(keystore.encrypt(b"\x11" * 32, "open sesame"))
    (folder / "secret").write_bytes(secret)
    arguments = ["accounts", "import", "old"]
    if way != "key":
        arguments += ["--keystore", "old.json"]
    if way == "passphrase file":
        arguments += ["--passphrase-file", "secret"]
    done = redirected(place, "", *arguments, given=secret)
    assert done.returncode == 2
    assert b"UTF-8" in done.stderr
    assert b"sesame" not in done.stdout + done.stderr
