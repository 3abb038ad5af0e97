"""A disk that was full and has room again: the network goes on, and nobody has to do anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.logs import register
from tests.support.network import WINDLASS, Network, spec
from tests.support.rpc import Rpc
from tests.support.small_disk import SmallDisk
from tests.support.transfers import senders
from tests.support.wait import until

pytestmark = pytest.mark.timeout(400)

CHAIN_ID = 20277
DISK_BYTES = 768 << 20
SOMEBODY = "0x00000000000000000000000000000000000000aa"


def test_blocks_go_on_when_the_disk_has_room_again(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """CometBFT gives up deciding when it can't write, and would stand still for ever; what the
    gateway accepted before is included."""
    folder = tmp_path / "net"
    register(request.config, folder)
    (account,) = senders(1, CHAIN_ID, "full disk")
    with SmallDisk(folder / ".windlass", DISK_BYTES) as disk:
        inside = tmp_path / "windlass"
        command = " ".join([*disk.enter, '--wdns="$PWD"', str(WINDLASS)])
        inside.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        inside.chmod(0o755)
        text = spec("full", validators=2, nodes=1, bootnodes=1, chain_id=CHAIN_ID,
                    accounts=[account.address])  # fmt: skip
        network = Network(folder, text, inside)
        try:
            network.up()
            rpc = network.rpc()
            sent = rpc("eth_sendRawTransaction", account.transfer(SOMEBODY).raw)
            disk.fill()
            height = _standing(rpc)
            disk.free()
            until(lambda: rpc.height() >= height + 3, "blocks again", timeout_s=200)
            until(lambda: rpc("eth_getTransactionReceipt", sent), "the transaction", timeout_s=60)
        finally:
            network.close()


def _standing(rpc: Rpc) -> int:
    """The height at which the chain stands still."""
    seen = [-1, -2]

    def stands() -> bool:
        seen.append(rpc.height())
        return len(seen) > 10 and len(set(seen[-10:])) == 1

    until(stands, "no block for ten seconds", timeout_s=120, poll_s=1)
    return seen[-1]
