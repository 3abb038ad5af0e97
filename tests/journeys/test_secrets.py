"""No secret of the vault is where other users of the machine could read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.logs import register
from tests.support.network import Network, spec
from tests.support.processes import command_line

SECRET_WORD = re.compile(r"[A-Za-z0-9+/=_-]{32,}")
ROLES = {"validator", "node", "bootnode", "registrar"}


@pytest.fixture(scope="module")
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Network]:
    """A running network with every role that there is, the fewest of each."""
    folder = tmp_path_factory.mktemp("secrets")
    register(request.config, folder)
    running = Network(folder, spec(validators=1, bootnodes=1))
    try:
        running.up()
        yield running
    finally:
        running.close()


def secret_files(state: Path) -> Iterator[Path]:
    """Files of the state that only their owner may read."""
    for path in state.rglob("*"):
        # geth's database holds the public genesis, in files that only their owner may read.
        if "chaindata" in path.parts or not path.is_file():
            continue
        if path.stat().st_mode & 0o077 == 0:
            yield path


def secret_words(state: Path) -> set[str]:
    """Every long word of the small 0600 files that is in no file for everybody: the secrets."""
    public = set()
    for path in state.rglob("*"):
        if path.is_file() and path.stat().st_mode & 0o077 and path.stat().st_size < 1 << 20:
            public |= set(SECRET_WORD.findall(path.read_text(errors="ignore")))
    words = set()
    for path in secret_files(state):
        if path.stat().st_size < 64 << 10 and path.suffix not in (".db", ".log", ".sqlite"):
            words |= set(SECRET_WORD.findall(path.read_text(errors="ignore")))
    return words - public


@pytest.mark.timeout(300)
def test_no_command_line_or_environment_holds_a_secret(network: Network) -> None:
    """Keys, JWT secrets and passphrases are in no process's arguments or environment."""
    assert {one["role"] for one in network.nodes()} == ROLES
    words = secret_words(network.state)
    assert len(words) > 10, "the vault's secrets were not found"
    pids = network.pids()
    assert len(pids) > 8
    for pid in pids:
        shown = "\n".join(command_line(pid))
        shown += Path(f"/proc/{pid}/environ").read_text(errors="replace")
        for word in words:
            assert word not in shown, f"a secret is in {command_line(pid)[:3]}"


def test_no_log_holds_a_secret(network: Network) -> None:
    """No program writes a key, a JWT secret or a passphrase into its log."""
    words = secret_words(network.state)
    logs = list((network.state / "logs").rglob("*.log"))
    assert len(logs) >= 8, "the programs' logs were not found"
    for log in logs:
        text = log.read_text(errors="replace")
        assert not [word for word in words if word in text], f"a secret is in {log}"


def test_the_vault_is_closed_to_others(network: Network) -> None:
    """Everything in the vault that is secret has mode 0600, and its folders 0700."""
    vault = network.state / "vault"
    for path in vault.rglob("*"):
        mode = path.stat().st_mode & 0o777
        assert mode in ((0o700,) if path.is_dir() else (0o600, 0o644)), f"{path}: {mode:o}"
    assert vault.stat().st_mode & 0o077 == 0
