"""No secret of the vault is where other users of the machine could read it.

The secrets are taken from the vault's files, not guessed from what lies around: one that leaked
into a file for everybody must not count as public because it is there.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest

from tests.journeys.conftest import together
from tests.support.logs import register
from tests.support.network import Network, spec
from windlass.spec.models import Role
from windlass.vault.vault import Vault

SECRET_BYTES = 32
PROCESSES_MIN = 17
"""Validator and node 3 each, sealer 2, two bootnodes, registrars, gateways and dashboards, and the
supervisor."""


@pytest.fixture(scope="module")
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Network]:
    """Two running networks with every role that there is, the fewest of each."""
    folder = tmp_path_factory.mktemp("secrets")
    register(request.config, folder)
    text = together(
        spec("harbour", validators=1, bootnodes=1),
        spec("lab", consensus="solo", chain_id=20268, nodes=0, bootnodes=1),
    )
    running = Network(folder, text)
    try:
        running.up()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def needles(network: Network) -> list[bytes]:
    """Every secret of the vault in every form that a program might write it in."""
    found = [form for secret in secrets(network.state / "vault") for form in forms(secret)]
    assert len(found) > 50, "the vault's secrets were not found"
    return found


def secrets(vault: Path) -> set[bytes]:
    """The keys, the JWT and ethstats secrets and the passphrases of all networks, 32 bytes each."""
    found: set[bytes] = set()
    for name in Vault(vault).networks():
        identities = json.loads((vault / name / "identities.json").read_bytes())["identities"]
        for one in identities.values():
            found |= {bytes.fromhex(digits) for digits in one.values() if digits}
        found.add(bytes.fromhex((vault / name / "passphrase").read_text().strip()))
        ethstats = bytes.fromhex(
            json.loads((vault / name / "secrets.json").read_bytes())["ethstats"]
        )
        found |= {ethstats, *(hmac.digest(ethstats, one.encode(), "sha256") for one in identities)}
        accounts = Vault(vault).accounts(name)
        kept = [one.address for one in accounts.all() if one.keystore]
        assert kept, "an account's key is a secret, too"
        found |= {accounts.private_key(address) for address in kept}
    assert {len(secret) for secret in found} == {SECRET_BYTES}
    return found


def forms(secret: bytes) -> Iterator[bytes]:
    """Raw, as hex digits, and in base64, where CometBFT writes the public half behind it."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    yield base64.b64encode(secret)[: SECRET_BYTES // 3 * 4]


def content(path: Path) -> bytes:
    """What is in a file, nothing if it is gone meanwhile."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def public_files(state: Path) -> list[Path]:
    """Every file of the state that its group or everybody may read, whatever its folder says."""
    found = []
    for folder, _, names in os.walk(state):
        for path in (Path(folder, name) for name in names):
            try:
                mode = path.lstat().st_mode
            except FileNotFoundError:
                continue
            if stat.S_ISREG(mode) and mode & 0o077:
                found.append(path)
    return found


def leaks(needles: list[bytes], *paths: Path) -> list[Path]:
    """Those of the files that hold a secret."""
    return [
        path for path in paths for text in [content(path)] if any(one in text for one in needles)
    ]


@pytest.mark.timeout(300)
def test_no_command_line_or_environment_holds_a_secret(
    network: Network, needles: list[bytes]
) -> None:
    """Keys, JWT secrets and passphrases are in no process's arguments or environment."""
    roles = {node["role"] for one in network.status()["networks"] for node in one["nodes"]}
    assert roles == set(get_args(Role))
    pids = network.pids()
    assert len(pids) >= PROCESSES_MIN
    shown = [Path(f"/proc/{pid}/{name}") for pid in pids for name in ("cmdline", "environ")]
    assert leaks(needles, *shown) == []


def test_no_log_holds_a_secret(network: Network, needles: list[bytes]) -> None:
    """No program writes a key, a JWT secret or a passphrase into its log."""
    logs = [path for path in (network.state / "logs").rglob("*") if path.is_file()]
    assert len(logs) >= PROCESSES_MIN, "the programs' logs were not found"
    assert leaks(needles, *logs) == []


def test_the_database_of_the_state_holds_no_secret(network: Network, needles: list[bytes]) -> None:
    """Neither the values of its rows nor its files, with what was deleted in them, hold one."""
    files = list(network.state.glob("state.db*"))
    assert leaks(needles, *files) == []
    with closing(sqlite3.connect(f"file:{network.state}/state.db?mode=ro", uri=True)) as database:
        # A long value is in several pages of the file: here it is whole.
        dump = "\n".join(database.iterdump()).encode()
    assert b"harbour" in dump
    assert not [one for one in needles if one in dump]


def test_no_file_for_others_holds_a_secret(network: Network, needles: list[bytes]) -> None:
    """What group or others may read, the genesis and the programs' settings, has none in it."""
    files = public_files(network.state)
    assert files, "there are files for everybody"
    assert leaks(needles, *files) == []


def test_a_secret_that_leaks_is_seen(network: Network, needles: list[bytes]) -> None:
    """A secret in a new file for everybody is found, in each form: the tests above can fail."""
    leak = network.state / "nodes" / "leak.txt"
    for form in needles[:4]:
        leak.write_bytes(b"key=" + form + b"\n")
        leak.chmod(0o644)
        assert leaks(needles, *public_files(network.state)) == [leak]
    leak.chmod(0o600)
    assert leak not in public_files(network.state)
    leak.unlink()


def test_the_vault_is_closed_to_others(network: Network) -> None:
    """Everything in the vault that is secret has mode 0600, and its folders 0700."""
    vault = network.state / "vault"
    for path in vault.rglob("*"):
        mode = path.stat().st_mode & 0o777
        assert mode in ((0o700,) if path.is_dir() else (0o600, 0o644)), f"{path}: {mode:o}"
    assert vault.stat().st_mode & 0o077 == 0
