"""What holds for every plan, whatever the spec."""

from __future__ import annotations

import base64

from hypothesis import given, settings

from tests.plan import examples
from tests.plan.examples import ExampleSite
from windlass.plan.plan import plan
from windlass.plan.workload import Workload
from windlass.spec.models import Spec


def planned(spec: Spec) -> list[Workload]:
    """The plan with example keys and an example site."""
    return plan(spec, examples.all_keys(spec), ExampleSite(spec))


@given(examples.specs)
@settings(max_examples=30, deadline=None)
def test_is_pure(spec: Spec) -> None:
    """The same spec, keys and site always give the same workloads."""
    assert planned(spec) == planned(spec)


@given(examples.specs)
@settings(max_examples=30, deadline=None)
def test_ports_are_unique(spec: Spec) -> None:
    """No two processes listen on one port of one protocol."""
    seen = set()
    for workload in planned(spec):
        for port in workload.ports:
            protocols = ("tcp", "udp") if port.protocol == "both" else (port.protocol,)
            for protocol in protocols:
                assert (port.number, protocol) not in seen
                seen.add((port.number, protocol))


@given(examples.specs)
@settings(max_examples=30, deadline=None)
def test_every_requested_port_is_used(spec: Spec) -> None:
    """The roster asks for exactly the ports that the plan listens on."""
    site = ExampleSite(spec)
    used = {port.number for workload in planned(spec) for port in workload.ports}

    assert used == set(site.ports.values())


@given(examples.specs)
@settings(max_examples=30, deadline=None)
def test_stays_in_its_directory(spec: Spec) -> None:
    """Every file and every disposable path is inside the workload's own directory."""
    for workload in planned(spec):
        paths = [file.path for file in workload.files]
        paths += [path for process in workload.processes for path in process.disposable]
        assert len(set(paths)) == len(paths)
        assert all(path.startswith(workload.directory + "/") for path in paths)
        assert not any(".." in path for path in paths)


@given(examples.specs)
@settings(max_examples=30, deadline=None)
def test_secrets_are_in_secret_files_only(spec: Spec) -> None:
    """No key, in no usual spelling, is in an argument or in a file that others may read."""
    secrets = set()
    for keys in examples.all_keys(spec).values():
        for identity in keys.identities.values():
            for secret in (
                identity.node_key,
                identity.validator_key,
                identity.cometbft_node_key,
                identity.jwt,
                identity.fee_key,
            ):
                secrets.add(secret)
                # 30 bytes end where base64 does, so the text is the same whatever follows.
                secrets.add(base64.b64encode(bytes.fromhex(secret)[:30]).decode())
    for workload in planned(spec):
        public = [argument for one in workload.processes for argument in one.command.arguments]
        public += [file.content.decode() for file in workload.files if not file.secret]
        for text in public:
            assert not any(secret in text for secret in secrets)


@given(examples.specs)
@settings(max_examples=30, deadline=None)
def test_processes_refer_to_one_another(spec: Spec) -> None:
    """Whatever a process waits for is a process beside it, and nothing waits for itself."""
    for workload in planned(spec):
        waiting = {process.name: set(process.starts_after) for process in workload.processes}
        assert workload.main in waiting
        for process in workload.processes:
            assert set(process.restarts_with) <= set(waiting) - {process.name}
        # Start whatever waits for nothing that is left, until nothing is left.
        while waiting:
            ready = {name for name, after in waiting.items() if not after & set(waiting)}
            assert ready
            assert all(
                after <= {one.name for one in workload.processes} for after in waiting.values()
            )
            waiting = {name: after for name, after in waiting.items() if name not in ready}


@given(examples.specs)
@settings(max_examples=30, deadline=None)
def test_one_endpoint_per_network(spec: Spec) -> None:
    """Each network has exactly one RPC address of its own: its gateway's."""
    workloads = planned(spec)
    for name in spec.networks:
        ends = [one for one in workloads if one.network == name and one.endpoint]
        assert len(ends) == 1
        assert ends[0].rpc_url
        assert ends[0].role == "gateway"


def test_block_makers_start_first() -> None:
    """Validators come before bootnodes and registrar, and nodes not before those."""
    ranks = {one.role: one.rank for one in planned(examples.spec(trade=examples.network()))}

    assert ranks["validator"] < ranks["bootnode"] == ranks["registrar"] <= ranks["node"]


def test_a_hundred_validators() -> None:
    """The largest network that the spec allows can be planned."""
    spec = examples.spec(trade=examples.network(validators=100, nodes=100))

    assert len(planned(spec)) == 100 + 100 + 2 + 3
