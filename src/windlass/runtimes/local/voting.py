"""Whether a validator that the spec takes away still votes: then it may not go.

The number of validators in a spec says how many run; who of them votes, the chain says. Taking away
one that votes would cost the network a voter for ever, and one of four that does so twice its
blocks. The chain is asked through CometBFT where it answers, else through the database of the
bridge, which holds the set of the last height that it has seen; whoever is furthest tells.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from windlass.chains.cometbft.membership import META_KEY, Members
from windlass.chains.cometbft.rpc import CometbftClient, CometbftError
from windlass.chains.ethereum.payload_log import PayloadLog, PayloadLogError
from windlass.kit import json
from windlass.plan.ethereum.bridge import DATABASE
from windlass.plan.workload import Workload
from windlass.runtimes.local.errors import MayStillVote, StillVotes
from windlass.spec.models import Spec
from windlass.spec.roster import names
from windlass.vault.keys import NetworkKeys

Voters = tuple[int, frozenset[str]]
"""A height, and the addresses of those who vote then."""


def refuse_to_take_voters(
    spec: Spec, before: Iterable[Workload], keys: Mapping[str, NetworkKeys]
) -> None:
    """Raises StillVotes if a validator that has no place in the spec votes, MayStillVote if that
    can't be told of one that had a place before. `keys` are those of the networks that exist."""
    known = list(before)
    for name, network in spec.networks.items():
        if network.consensus != "bft" or name not in keys:
            continue
        own = [one for one in known if one.network == name]
        kept = set(names(network, "validator"))
        going = {one.name for one in own if one.role == "validator"} - kept
        gone = set(keys[name].genesis_validators) - kept - going
        if going or gone:
            _refuse(name, own, sorted(going), sorted(gone), keys[name])


def _refuse(
    network: str, own: Sequence[Workload], going: list[str], gone: list[str], keys: NetworkKeys
) -> None:
    try:
        voters = voting(own, keys)
    except MayStillVote as error:
        if not going:
            return  # nothing is taken away that was there
        raise MayStillVote(
            f"Whether {', '.join(going)} still votes in {network} can't be told: {error.sentence}",
            "Put the number of validators back and `windlass up`; then `windlass validator list` "
            "tells.",
        ) from error
    for validator in (*going, *gone):
        if keys.validator_key(validator).address in voters:
            raise StillVotes(network, validator)


def voting(workloads: Sequence[Workload], keys: NetworkKeys) -> frozenset[str]:
    """The addresses of a network's voters, by whoever of these workloads is furthest. Raises
    MayStillVote."""
    asked = asyncio.run(_ask_all([one.cometbft_url for one in workloads]))
    answers = [one for one in asked if one is not None]
    silent = [one for one, answer in zip(workloads, asked, strict=True) if answer is None]
    # Also where somebody answers: who does may lag behind those who are stopped.
    stored = _read_all([Path(one.directory) / DATABASE for one in silent], strict=not answers)
    if not answers and not stored:
        return frozenset(keys.validator_key(name).address for name in keys.genesis_validators)
    return max((*answers, *stored), key=lambda answer: answer[0])[1]


async def _ask_all(urls: Sequence[str | None]) -> list[Voters | None]:
    return list(await asyncio.gather(*(_ask(url) for url in urls)))


async def _ask(url: str | None) -> Voters | None:
    """The voters of now and of two heights later, None if it does not answer."""
    if not url:
        return None
    client = CometbftClient(url)
    try:
        now = await client.validators()
        height = (await client.status()).height
        try:
            soon = (await client.members()).members.powers
        except CometbftError:
            soon = {}  # a bridge of an earlier release, whose set is the genesis's for ever
    except CometbftError:
        return None
    finally:
        await client.close()
    return height, frozenset(now) | frozenset(soon)


def _read_all(databases: Iterable[Path], *, strict: bool) -> list[Voters]:
    """What these have stored. Raises MayStillVote for one that can't be read, if `strict`."""
    found: list[Voters] = []
    for path in databases:
        if path.exists():
            with contextlib.nullcontext() if strict else contextlib.suppress(MayStillVote):
                found += _read(path)
    return found


def _read(path: Path) -> list[Voters]:
    """What a bridge that does not run has stored; nothing if it has seen no height."""
    try:
        log = PayloadLog(path)
        try:
            head, stored = log.head(), log.meta(META_KEY)
        finally:
            log.close()
        if head is None or stored is None:
            return []
        return [(head.height, frozenset(json.decode(stored, Members).powers))]
    except (PayloadLogError, json.JsonError) as error:
        raise MayStillVote(
            f"no CometBFT answers, and {path} can't be read.",
            "Let the network run, or stop it whole with `windlass down`.",
        ) from error
