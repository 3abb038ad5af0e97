"""Who loses the folder of a network and has its export has the network again."""

from __future__ import annotations

import dataclasses
import json
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.logs import register
from tests.support.network import Network, spec
from tests.support.wait import until
from windlass.runtimes.local.elsewhere import refuse_in_use
from windlass.runtimes.local.state import State
from windlass.vault.export import Listener
from windlass.vault.export_errors import SignsElsewhere
from windlass.vault.vault import Vault

pytestmark = pytest.mark.timeout(300)

SOMEBODY = "0x00000000000000000000000000000000000000aa"
PASSPHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A list of ports of this module's own, so that no other test takes one that was given up."""
    folder = tmp_path_factory.mktemp("xdg-state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, registry: Path
) -> Iterator[Network]:
    """A running network with two validators, a node and a bootnode."""
    folder = tmp_path_factory.mktemp("mole") / "net"
    register(request.config, folder)
    running = Network(folder, spec("mole", validators=2, nodes=1, bootnodes=1))
    secret = folder.with_name("passphrase")
    secret.write_text(PASSPHRASE + "\n")
    secret.chmod(0o600)
    try:
        running.up()
        yield running
    finally:
        running.close()


def keys(network: Network, verb: str, *arguments: str, check: bool = True) -> Any:
    """`windlass keys …` with the passphrase and as JSON."""
    words = ["--passphrase-file", "../passphrase"] if verb != "list" else []
    done = network.run("keys", verb, *arguments, *words, "--json", check=check)
    return json.loads(done.stdout)


def listed(registrar: str) -> list[str]:
    """The enodes that nodes boot from."""
    with urllib.request.urlopen(registrar, timeout=10) as answer:
        return sorted(answer.read().decode().strip().split(","))


def identity(network: Network) -> dict[str, Any]:
    """All by which others know the network."""
    rows = network.network()
    addresses = json.loads(network.run("accounts", "list", "--json").stdout)["accounts"]
    return {
        "genesis": network.rpc()("eth_getBlockByNumber", "0x0", False)["hash"],
        "enodes": until(lambda: listed(rows["endpoints"]["registrar"]), "bootnodes are listed"),
        "endpoints": rows["endpoints"],
        "rpc": {one["name"]: one["rpc"] for one in rows["nodes"]},
        "accounts": {one["name"]: one["address"] for one in addresses},
        "keys": keys(network, "list")["keys"],
    }


def test_keys_of_a_network_that_runs_are_refused_elsewhere(network: Network) -> None:
    """Its vault is seen on this machine, without it the keys its CometBFTs were given, and without
    those what they answer."""
    keys(network, "export", "../mole.keys")
    other = Network(network.folder.with_name("other"), "")
    other.file.unlink()

    def refusal() -> str:
        error = keys(other, "import", "../mole.keys", check=False)["error"]
        assert error["code"] == "signs_elsewhere"
        return str(error["sentence"])

    seen = f"{network.state} has the same, and its programs run"
    assert seen in refusal()
    with ExitStack() as hidden:
        _hide(hidden, network.state / "vault")
        assert seen in refusal()
        given = list(network.state.rglob("priv_validator_key.json"))
        assert len(given) == 3
        for file in given:
            _hide(hidden, file)
        assert "CometBFT at http://127.0.0.1:" in refusal()
    assert list(other.folder.iterdir()) == []
    # Not even if they are there already, from an import before that network was started again.
    shutil.copytree(network.state / "vault", other.state / "vault")
    assert seen in refusal()


def _hide(until_closed: ExitStack, path: Path) -> None:
    away = path.with_name(path.name + ".hidden")
    path.rename(away)
    until_closed.callback(away.rename, path)


def test_a_state_that_runs_gets_no_keys(network: Network) -> None:
    """Not even its own, as long as its programs run without them."""
    vault = network.state / "vault"
    away = network.folder.with_name("away")
    vault.rename(away)
    try:
        refused = keys(network, "import", "../mole.keys", check=False)["error"]
        assert not vault.exists()
    finally:
        away.rename(vault)
    assert refused["code"] == "still_runs"
    assert any(str(pid) in refused["sentence"] for pid in network.pids())


def test_a_lost_folder_comes_back(network: Network) -> None:
    """Same genesis, enodes, addresses and accounts, which can still send; another chain of blocks,
    since those are in no export."""
    network.run("accounts", "new", "shop")
    assert keys(network, "list")["exported"]["complete"] is False
    keys(network, "export", "../later.keys")
    assert keys(network, "list")["exported"]["complete"] is True
    before = identity(network)
    network.run("fund", before["accounts"]["shop"], "5")
    network.run("down")
    shutil.rmtree(network.folder)
    network.folder.mkdir()

    done = keys(network, "import", "../later.keys")
    assert (done["spec"], done["blocks"]) == ("written", False)
    assert done["networks"] == {"mole": before["genesis"]}
    network.up()
    after = identity(network)
    assert after == before
    assert keys(network, "list")["exported"]["complete"] is True
    network.run("fund", before["accounts"]["shop"], "2")
    network.run("send", SOMEBODY, "1", "--from", "shop")
    assert int(network.rpc()("eth_getBalance", SOMEBODY, "latest"), 16) == 10**18


def test_votes_are_seen_also_where_only_a_node_answers(network: Network, tmp_path: Path) -> None:
    """A node's own key may not vote; whose votes are in the newest commits, it tells."""
    with State.open(network.state) as state:
        (url,) = {one.cometbft_url for one in state.workloads() if one.role == "node"}
    kept = Vault(network.state / "vault").existing("mole")
    assert kept is not None
    makers = {name: one for name, one in kept.identities.items() if name.startswith("validator")}
    known = {"mole": dataclasses.replace(kept, identities=makers)}
    listener = Listener(network="mole", workload="node-0", cometbft_url=url)
    with pytest.raises(SignsElsewhere, match=r"new votes of mole/validator-[01]"):
        refuse_in_use(network.state, known, [listener])
    strangers = dataclasses.replace(kept, identities={"node-0": kept.identities["bootnode-0"]})
    assert refuse_in_use(network.state, {"mole": strangers}, [listener]) == []
