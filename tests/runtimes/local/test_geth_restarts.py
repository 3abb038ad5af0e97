"""A program that feeds a geth may ask for its restart."""

from __future__ import annotations

import msgspec

from tests.runtimes.local.harness import Bench, eventually, free_port
from windlass.plan.workload import Probe

OWN = '{"schema":1,"request":"restart_geth","geth_detail":"it switched to snap sync"}'
FOLLOWER = (
    '{"schema":1,"request":null,"followers":[{"name":"node-0","request":"restart_geth"},'
    '{"name":"node-1","request":null}]}'
)


def feeder(bench: Bench, answer: str) -> tuple[Probe, tuple[str, ...], str]:
    """How to start and ask a program that gives that answer."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    return Probe(http=url), ("--http", str(port), "--answer", answer), url


def test_geth_is_restarted_when_its_feeder_asks(bench: Bench) -> None:
    """`request: restart_geth` restarts the workload's geth cleanly, at most once in a while, and
    nothing else."""
    probe, options, url = feeder(bench, OWN)
    bridge = bench.process("bridge", *options, probe=probe)
    workload = bench.workload("a", bench.process("geth"), bridge)
    bench.apply(msgspec.structs.replace(workload, health_url=url))

    eventually(lambda: bench.row("a", "geth").restarts == 1)
    bench.ready("a/geth")

    assert "snap sync" in (bench.directory / "logs" / "supervisor.log").read_text()
    assert bench.row("a", "geth").last_exit == 0
    assert bench.row("a", "bridge").restarts == 0


def test_sealer_asks_for_its_followers(bench: Bench) -> None:
    """A sealer's followers have nobody else to ask for them: only the one named is restarted."""
    probe, options, url = feeder(bench, FOLLOWER)
    sealer = bench.process("sealer", *options, probe=probe)
    workload = bench.workload("sealer", bench.process("geth"), sealer)
    bench.apply(
        msgspec.structs.replace(workload, health_url=url),
        bench.workload("node-0", bench.process("geth")),
        bench.workload("node-1", bench.process("geth")),
    )

    eventually(lambda: bench.row("node-0", "geth").restarts == 1)

    assert bench.row("node-1", "geth").restarts == 0
    assert bench.row("sealer", "geth").restarts == 0
