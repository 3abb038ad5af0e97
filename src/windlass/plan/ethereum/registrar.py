"""The registrar: one address that always knows the bootnodes that are alive."""

from __future__ import annotations

from windlass.plan.ethereum.context import Context, Part
from windlass.plan.workload import Command, Probe, Process, Workload
from windlass.programs.registrar.settings import Settings
from windlass.spec.roster import names

RANK = 1
"""With the bootnodes that it lists, before the nodes that ask it."""


def registrar(context: Context, name: str) -> Workload:
    """The registrar of the network."""
    settings = Settings(
        network=context.name,
        node=name,
        bind=context.site.bind(context.name, name),
        port=context.number(name, "registrar"),
        bootnodes=tuple(
            context.public_url(bootnode, "bootnode_http")
            for bootnode in names(context.network, "bootnode")
        ),
    )
    file = context.settings_file(name, "registrar.json", settings)
    url = context.public_url(name, "registrar")
    part = Part(
        process=Process(
            name="registrar",
            command=Command(
                program="windlass", arguments=("run", "registrar", "--settings", file.path)
            ),
            ready=Probe(http=f"{url}/readyz"),
        ),
        files=(file,),
        ports=(context.public_port(name, "registrar"),),
    )
    return context.workload(name, "registrar", RANK, "registrar", (part,), health_url=url, url=url)
