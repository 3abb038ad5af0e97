"""`windlass accounts new` twice at once, in two processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from windlass.runtimes.local.place import locate
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


def test_no_key_is_lost_when_two_make_accounts(tmp_path: Path) -> None:
    """Each either makes an account whose key can be read, or is refused because the other is at
    work: never two passphrases of which one is lost."""
    (tmp_path / "windlass.yaml").write_text(SPEC)
    place = locate(str(tmp_path / "windlass.yaml"))
    vault = Vault(place.state / "vault")
    vault.identities("trade", load(place.spec_path).spec.networks["trade"])
    with State.open(place.state, create=True) as state:
        state.set_networks([NETWORK])

    names = ["shop", "till", "safe"]
    command = [sys.executable, "-m", "windlass", "accounts", "new"]
    running = [
        subprocess.Popen([*command, name], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        for name in names
    ]
    ended = [(one.communicate(timeout=60)[1], one.returncode) for one in running]

    made = [name for name, (_, code) in zip(names, ended, strict=True) if code == 0]
    assert made
    assert all("Another command is at work" in said for said, code in ended if code)
    for name in made:
        assert len(vault.accounts("trade").private_key(name)) == 32
