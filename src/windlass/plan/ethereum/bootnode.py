"""A bootnode: through it geths find one another."""

from __future__ import annotations

from windlass.plan.ethereum.context import Context, Part
from windlass.plan.ethereum.geth import node_key_file
from windlass.plan.workload import Command, Probe, Process, Workload
from windlass.programs.bootnode.settings import Settings

RANK = 1
"""After the block makers, which do not need it and which it pings; before the nodes, which do."""


def bootnode(context: Context, name: str) -> Workload:
    """The bootnode by that name; it introduces itself to all geths that make blocks."""
    key = node_key_file(context, name)
    settings = Settings(
        network=context.name,
        node=name,
        key_file=key.path,
        host=context.site.host(context.name, name),
        bind=context.site.bind(context.name, name),
        port=context.number(name, "bootnode"),
        http_port=context.number(name, "bootnode_http"),
        table_file=context.path(name, "table.json"),
        seeds=context.block_maker_enodes(),
    )
    file = context.settings_file(name, "bootnode.json", settings)
    url = context.public_url(name, "bootnode_http")
    part = Part(
        process=Process(
            name="bootnode",
            command=Command(
                program="windlass", arguments=("run", "bootnode", "--settings", file.path)
            ),
            ready=Probe(http=f"{url}/readyz"),
        ),
        files=(file, key),
        ports=(context.public_port(name, "bootnode"), context.public_port(name, "bootnode_http")),
    )
    return context.workload(name, "bootnode", RANK, "bootnode", (part,), health_url=url, url=url)
