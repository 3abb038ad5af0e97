"""A network is touched through its own spec only: not from a neighbour's, not from a copy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.support.logs import register
from tests.support.network import Network, spec
from tests.support.wait import until

TEXT = spec("quay", consensus="solo", chain_id=20269, nodes=0, bootnodes=1)
SOMEBODY = "0x00000000000000000000000000000000000000aa"


@pytest.fixture(scope="module")
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Network]:
    """A running network with another spec in its folder."""
    folder = tmp_path_factory.mktemp("quay") / "original"
    register(request.config, folder)
    running = Network(folder, TEXT)
    (folder / "other.yaml").write_text(TEXT)
    try:
        running.up()
        yield running
    finally:
        running.close()


def _still_makes_blocks(network: Network) -> None:
    height = network.network()["height"]
    until(lambda: network.network()["height"] > height, "another block", timeout_s=30)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "words",
    [
        ["down", "--purge", "--yes"],
        ["up", "--detach"],
        ["stop", "sealer-0"],
        ["restart", "sealer-0"],
        ["scale", "quay", "nodes=1"],
        ["status"],
        ["doctor"],
        ["fund", SOMEBODY, "1"],
        ["accounts", "list"],
    ],
    ids=lambda words: str(words[0]),
)
def test_another_spec_in_the_folder_is_refused(network: Network, words: list[str]) -> None:
    """Each verb names the spec that the state belongs to, and does nothing."""
    refused = network.run(*words, "-f", "other.yaml", check=False)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert f"{network.file}" in refused.stderr
    assert network.status()["healthy"]


def test_a_copy_of_the_folder_reaches_not_the_original(network: Network) -> None:
    """In a copy, no verb stops or starts anything; how to make it a network of its own is said."""
    folder = network.folder.with_name("copy")
    shutil.copytree(network.folder, folder)
    copy = Network(folder, TEXT)
    for words in (["down"], ["down", "--purge", "--yes"], ["up", "--detach"], ["stop", "sealer-0"]):
        refused = copy.run(*words, check=False)
        assert refused.returncode == 2, refused.stdout + refused.stderr
        assert "is a copy of the state of" in refused.stderr
        assert f"rm -r {copy.state}" in refused.stderr
    assert not copy.pids()
    _still_makes_blocks(network)


def test_a_folder_that_was_moved_goes_on(network: Network) -> None:
    """After `down`, `mv` and `up` it is the same chain; its old place can hold a new network."""
    network.run("down")
    genesis = _genesis(network)
    folder = network.folder.with_name("moved")
    network.folder.rename(folder)
    moved = Network(folder, TEXT)
    fresh = Network(network.folder, TEXT)
    try:
        moved.up()
        fresh.up()
        assert _genesis(moved) == genesis
        assert _genesis(fresh) != genesis
        moved.run("down")
        _still_makes_blocks(fresh)
    finally:
        moved.close()


def test_a_state_with_a_broken_database_can_be_purged(network: Network) -> None:
    """`down --purge` ends the processes and deletes the data of a state that nobody can read."""
    assert network.pids()
    for path in network.state.glob("state.db*"):
        path.write_bytes(b"no database")
    refused = network.run("down", check=False)
    assert refused.returncode == 1
    assert "windlass down --purge" in refused.stderr
    network.run("down", "--purge", "--yes")
    assert not network.pids()
    assert not network.state.exists()
    network.up()


def _genesis(network: Network) -> bytes:
    (path,) = network.state.glob("vault/**/genesis.json")
    return path.read_bytes()
