"""`windlass up`: makes the spec true, then stays to watch or says what is where."""

from __future__ import annotations

import click

from windlass.cli.options import file_option, place_of
from windlass.cli.output import console, note, say
from windlass.cli.progress import BuildProgress
from windlass.cli.spec import shown, warn
from windlass.runtimes.local import operations
from windlass.runtimes.local.events import Event
from windlass.runtimes.local.place import Place
from windlass.runtimes.local.status import Status
from windlass.spec.load import load
from windlass.vault.vault import Vault


@click.command("up")
@file_option
@click.option("--detach", is_flag=True, help="Return once everything is healthy; it runs on.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=1),
    default=operations.UP_TIMEOUT_S,
    show_default=True,
    metavar="S",
    help="Seconds to become healthy in, after the chain clients are there.",
)
@click.option("--keep", is_flag=True, help="Leave what does not become healthy, to look at it.")
def up_command(spec_file: str | None, detach: bool, timeout_s: float, keep: bool) -> int:
    """Make the spec true: start what is missing, apply what changed, leave the rest alone.

    Without --detach it shows a live table until Ctrl-C, which stops the networks in order.
    Exit code 0 if everything is healthy, 1 if not (what and why), 2 if the spec is wrong.

    \b
    Examples:
      windlass up --detach
      windlass up -f lab/windlass.yaml --timeout 300 --keep
    """
    place = place_of(spec_file)
    loaded = load(place.spec_path)
    warn(loaded)
    with BuildProgress() as building:
        status = operations.up(
            place,
            loaded,
            timeout_s=timeout_s,
            keep=keep,
            on_event=_Teller(),
            progress=building.show,
        )
    if detach:
        _table(status)
        _addresses(place, status, spec_file)
        return 0
    from windlass.cli.watch import watch

    _addresses(place, status, spec_file)
    return watch(place)


class _Teller:
    """Says what happens, one line per node and not one per process."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str, str]] = set()

    def __call__(self, event: Event) -> None:
        key = (event.kind, event.network, event.node)
        if event.kind in ("added", "removed", "changed", "moved", "step"):
            where = f"{event.network}/{event.node}" if event.node else ""
            note(" ".join(part for part in (where, event.kind, event.sentence) if part))
        elif event.kind in ("backing_off", "failed") and key not in self._said:
            self._said.add(key)
            note(f"{event.network}/{event.node}: {event.process} died: {event.sentence}")


def _table(status: Status) -> None:
    from windlass.cli.table import status_table

    console().print(status_table(status))


def _addresses(place: Place, status: Status, spec_file: str | None) -> None:
    """What a person needs next: where to connect, who has money, how to stop."""
    vault = Vault(place.state / "vault")
    suffix = f" -f {spec_file}" if spec_file else ""
    for network in status.networks:
        keys = vault.existing(network.name)
        funded = next((one for one in keys.accounts if one.keystore), None) if keys else None
        say()
        say(f"{network.name} ({network.family}, {network.consensus}), chain id {network.chain_id}")
        for name, url in (
            ("RPC", network.endpoints.rpc),
            ("WebSocket", network.endpoints.ws),
            ("registrar", network.endpoints.registrar),
        ):
            if url:
                say(f"  {name:11} {url}")
        if funded and keys:
            say(f"  {'account':11} {funded.address} ({funded.name})")
            for name, path in (("keystore", funded.keystore), ("passphrase", keys.passphrase_file)):
                say(f"  {name:11} {shown(path)}" if path else f"  {name:11} none")
    say()
    say(f"See how it is:  windlass status{suffix}")
    say(f"Stop it:        windlass down{suffix}")
