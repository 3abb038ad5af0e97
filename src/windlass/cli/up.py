"""`windlass up`: makes the spec true, then stays to watch or says what is where."""

from __future__ import annotations

import click

from windlass.chains.ethereum.keys import checksum_address
from windlass.cli.ending import Ending
from windlass.cli.invocation import again
from windlass.cli.options import Seconds, file_option, place_of
from windlass.cli.outcome import Interrupted
from windlass.cli.output import console, note, say, shown
from windlass.cli.spec import tell_warnings
from windlass.cli.telling import Teller
from windlass.runtimes.local import operations
from windlass.runtimes.local.errors import NotHealthy
from windlass.runtimes.local.place import Place
from windlass.runtimes.local.status import NetworkStatus, Status
from windlass.spec.load import Loaded, load
from windlass.vault.vault import Vault


@click.command("up")
@file_option
@click.option("--detach", is_flag=True, help="Return once everything is healthy; it runs on.")
@click.option(
    "--timeout",
    "timeout_s",
    type=Seconds(),
    default=operations.UP_TIMEOUT_S,
    show_default=True,
    metavar="S",
    help="Seconds to become healthy in, after the chain clients are there.",
)
@click.option("--keep", is_flag=True, help="Leave what does not become healthy, to look at it.")
def up_command(spec_file: str | None, detach: bool, timeout_s: float, keep: bool) -> int:
    """Make the spec true: start what is missing, apply what changed.

    What runs as it should is left alone. Without --detach it then shows a live table until Ctrl-C,
    which stops the networks in order. Exit code 0 if everything is healthy, 1 if not (what and
    why; what this command started is stopped again), 2 if the spec is wrong.

    \b
    Examples:
      windlass up --detach
      windlass up -f lab/windlass.yaml --timeout 300 --keep
    """
    place = place_of(spec_file)
    loaded = load(place.spec_path)
    tell_warnings(loaded)
    if detach:
        with Ending() as ending:
            status = _up(place, loaded, timeout_s, keep, ending, spec_file)
        _tell_detached(place, status, spec_file)
        return 0
    from windlass.cli.watch import watch

    with Ending() as ending:
        # From the moment it is up the signals are held: whenever one comes, it is stopped in order.
        status = _up(place, loaded, timeout_s, keep, ending, spec_file)
        return watch(
            place,
            ending,
            before=lambda: _addresses(place, status),
            down=again("down", spec_file=spec_file),
        )


def _tell_detached(place: Place, status: Status, spec_file: str | None) -> None:
    from windlass.cli.table import status_table

    out = console()
    out.print(status_table(status, out.width))
    _addresses(place, status)
    say()
    say(f"See how it is:  {again('status', spec_file=spec_file)}")
    say(f"Stop it:        {again('down', spec_file=spec_file)}")


def _up(
    place: Place,
    loaded: Loaded,
    timeout_s: float,
    keep: bool,
    ending: Ending,
    spec_file: str | None,
) -> Status:
    """Brings it up; leaves the signals held if that succeeds."""
    try:
        with Teller("Starting") as teller:
            status = operations.up(
                place,
                loaded,
                timeout_s=timeout_s,
                keep=keep,
                on_event=teller,
                progress=teller.built,
            )
            ending.hold()
    except KeyboardInterrupt as error:
        if keep:
            sentence = "Interrupted; what was started runs on, as --keep wants it."
        elif isinstance(error.__context__, KeyboardInterrupt):
            sentence = "Interrupted twice; some of what was started may still run."
        else:
            raise Interrupted("Interrupted; what this command had started is stopped.") from error
        stops = f"`{again('down', spec_file=spec_file)}` stops it."
        raise Interrupted(sentence, stops) from error
    except NotHealthy:
        if keep:
            note(
                "What was started runs on, as --keep wants it; "
                f"`{again('down', spec_file=spec_file)}` stops it."
            )
        raise
    if not teller.changed:
        note("Everything runs as the spec says; nothing had to change.")
    return status


def _addresses(place: Place, status: Status) -> None:
    """What a person needs next: where to connect and who has money."""
    vault = Vault(place.state / "vault")
    for network in status.networks:
        say()
        say(f"{network.name} ({network.family}, {network.consensus}), chain id {network.chain_id}")
        for name, value in _facts(vault, network):
            say(f"  {name:<11} {value}")


def _facts(vault: Vault, network: NetworkStatus) -> list[tuple[str, str]]:
    urls = network.endpoints
    facts = [("RPC", urls.rpc), ("WebSocket", urls.ws), ("registrar", urls.registrar)]
    facts.insert(2, ("dashboard", urls.dashboard))
    keys = vault.existing(network.name)
    funded = (
        next((one for one in keys.accounts if one.keystore and one.origin == "genesis"), None)
        if keys
        else None
    )
    if keys and funded and funded.keystore:
        facts += [
            ("account", f"{checksum_address(funded.address)} ({funded.name})"),
            ("keystore", shown(funded.keystore)),
            ("passphrase", shown(keys.passphrase_file) if keys.passphrase_file else None),
        ]
    return [(name, value) for name, value in facts if value]
