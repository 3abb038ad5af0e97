"""Keys and their files, held against CometBFT itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from windlass.chains.cometbft.keys import NodeKey, ValidatorKey, initial_validator_state


def test_rfc_8032_vector() -> None:
    """The public key is Ed25519's (RFC 8032, section 7.1, test 1)."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    expected = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

    assert expected == ValidatorKey(seed).public.hex()


def test_cometbft_reads_our_validator_key(tmp_path: Path, cometbft_binary: Path) -> None:
    """CometBFT shows the public key that we computed from the file that we wrote."""
    key = ValidatorKey(bytes(range(32)))
    _write_home(tmp_path, key, NodeKey(b"\x01" * 32))

    shown = json.loads(_cometbft(cometbft_binary, tmp_path, "show-validator"))

    assert json.loads(key.key_file())["pub_key"] == shown


def test_cometbft_reads_our_node_key(tmp_path: Path, cometbft_binary: Path) -> None:
    """CometBFT derives the same node id from the file that we wrote."""
    key = NodeKey(bytes(range(32)))
    _write_home(tmp_path, ValidatorKey(b"\x02" * 32), key)

    assert key.id == _cometbft(cometbft_binary, tmp_path, "show-node-id").strip()


def test_no_private_key_in_repr() -> None:
    """A key that ends up in a log line shows nothing."""
    assert repr(ValidatorKey(b"\x07" * 32)) == "ValidatorKey()"
    assert repr(NodeKey(b"\x07" * 32)) == "NodeKey()"


def _write_home(home: Path, validator: ValidatorKey, node: NodeKey) -> None:
    (home / "config").mkdir()
    (home / "data").mkdir()
    (home / "config/priv_validator_key.json").write_bytes(validator.key_file())
    (home / "config/node_key.json").write_bytes(node.key_file())
    (home / "data/priv_validator_state.json").write_bytes(initial_validator_state())


def _cometbft(binary: Path, home: Path, command: str) -> str:
    done = subprocess.run(
        [binary, command, "--home", home], capture_output=True, text=True, timeout=20, check=True
    )
    return done.stdout
