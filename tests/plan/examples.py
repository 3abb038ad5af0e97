"""Keys, sites and networks to plan with: everything follows from names, nothing from chance."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st

from windlass.chains.ethereum.quantities import BlockHash
from windlass.plan.roster import port_requests
from windlass.spec.models import Clients, Network, Resources, Spec
from windlass.spec.roster import names, roster
from windlass.vault.keys import Identity, NetworkKeys

GENESIS = b"""{
  "config": {
    "chainId": 4242, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0,
    "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0,
    "berlinBlock": 0, "londonBlock": 0, "terminalTotalDifficulty": 0, "shanghaiTime": 0,
    "cancunTime": 0, "pragueTime": 0,
    "blobSchedule": {
      "cancun": {"target": 0, "max": 0, "baseFeeUpdateFraction": 5007716},
      "prague": {"target": 0, "max": 0, "baseFeeUpdateFraction": 5007716}
    }
  },
  "difficulty": "0x0", "gasLimit": "0x1c9c380", "timestamp": "0x1", "alloc": {}
}
"""


def network(**fields: object) -> Network:
    """A network of chain 4242 with these fields."""
    return Network(**{"family": "ethereum", "chain_id": 4242, **fields})  # type: ignore[arg-type]


def spec(**networks: Network) -> Spec:
    """A spec of these networks."""
    return Spec(name="harbour", networks=networks)


def keys(name: str, of: Network) -> NetworkKeys:
    """Keys of a network called `name`; each is the hash of what it is for."""

    def secret(workload: str, use: str) -> str:
        return hashlib.sha256(f"{name}/{workload}/{use}".encode()).hexdigest()

    return NetworkKeys(
        network=name,
        genesis_validators=names(of, "validator"),
        identities={
            member.name: Identity(
                node_key=secret(member.name, "node"),
                validator_key=secret(member.name, "validator"),
                cometbft_node_key=secret(member.name, "cometbft"),
                jwt=secret("all" if of.consensus == "solo" else member.name, "jwt"),
                fee_key=secret(member.name, "fees"),
            )
            for member in roster(of)
            if member.role != "registrar"
        },
        accounts=(),
        ethereum_genesis=GENESIS,
        ethereum_genesis_hash=BlockHash("0x" + "ab" * 32),
        ethereum_genesis_timestamp=1,
        cometbft_genesis=b"" if of.consensus == "solo" else b'{"chain_id": "harbour"}',
    )


def all_keys(of: Spec) -> dict[str, NetworkKeys]:
    """The keys of every network of the spec."""
    return {name: keys(name, one) for name, one in of.networks.items()}


@dataclass
class ExampleSite:
    """Ports counted up from 21000 in the order of the requests, directories below `root`."""

    of: Spec
    root: Path = Path("/state")
    ports: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, one in self.of.networks.items():
            for request in port_requests(name, one):
                key = (request.network, request.workload, request.name)
                self.ports.setdefault(key, 21000 + len(self.ports))

    def directory(self, network: str, workload: str) -> str:
        return str(self.root / "nodes" / network / workload)

    def socket(self, network: str, workload: str, name: str) -> str:
        return str(self.root / "sockets" / f"{network}-{workload}-{name}")

    def port(self, network: str, workload: str, name: str) -> int:
        return self.ports[(network, workload, name)]

    def host(self, network: str, workload: str) -> str:
        return self.of.networks[network].host

    def bind(self, network: str, workload: str) -> str:
        return self.of.networks[network].bind


networks = st.builds(
    network,
    consensus=st.sampled_from(["bft", "solo"]),
    chain_id=st.integers(1, 2**53),
    block_time_s=st.integers(1, 60),
    gas_limit=st.integers(5_000_000, 10**9),
    validators=st.integers(1, 7),
    nodes=st.integers(0, 5),
    bootnodes=st.integers(1, 3),
    clients=st.just(Clients()),
    host=st.sampled_from(["127.0.0.1", "10.0.0.7"]),
    bind=st.sampled_from(["127.0.0.1", "0.0.0.0"]),
    resources=st.dictionaries(
        st.sampled_from(["validator", "sealer", "node", "bootnode", "registrar"]),
        st.builds(Resources, cpu=st.none() | st.just(0.5)),
    ),
)
specs = st.dictionaries(
    st.sampled_from(["trade", "test", "coin"]), networks, min_size=1, max_size=2
).map(lambda chosen: spec(**chosen))
