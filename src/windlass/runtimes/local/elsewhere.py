"""Whether keys that are about to be imported are in use, as far as that can be seen from here.

Two places are looked at: where the network's programs listened when the keys were exported, and the
other states of this user, whose vaults and whose CometBFTs' files say which keys they have. Another
machine that nobody named, another user's state, and a network that is stopped can't be seen; who
imports must know of those.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from windlass.chains.cometbft.rpc import CometbftClient
from windlass.kit.errors import WindlassError
from windlass.kit.files import FileError, read_json
from windlass.kit.http_client import HttpClient
from windlass.kit.json_rpc import JsonRpc
from windlass.plan.ethereum.cometbft import HOME
from windlass.runtimes.local import port_registry, process_table
from windlass.runtimes.local.site import workload_directory
from windlass.vault.export import Listener, validators
from windlass.vault.export_errors import SignsElsewhere
from windlass.vault.keys import NetworkKeys
from windlass.vault.vault import Vault

BLOCKS = 10
"""A validator that runs has signed one of so many, also if it was restarted just now."""

ANSWER_TIMEOUT_S = 3.0
ANSWER_BYTES_MAX = 1 << 20
ASKED_AT_ONCE = 32
PATIENCE_S = 30.0
"""For all of them: who does not answer within that is taken for silent."""


class _KeyFile(msgspec.Struct, frozen=True):
    """Of CometBFT's priv_validator_key.json what is no secret."""

    address: str


def refuse_in_use(
    state: Path, networks: Mapping[str, NetworkKeys], listeners: Sequence[Listener]
) -> list[Path]:
    """Raises SignsElsewhere if one of these keys is in use.

    Returns the other states that have one of them and of which nothing runs now.
    """
    idle = []
    for other in _states(state):
        shares = _shares(other / "vault", networks)
        if not shares and not _signs_with(other, networks):
            continue
        if process_table.supervisors(other) or process_table.owned(other):
            raise SignsElsewhere(f"{other} has the same, and its programs run")
        idle.append(other)
    if where := asyncio.run(_answering(networks, listeners)):
        raise SignsElsewhere(where)
    return idle


def _states(own: Path) -> list[Path]:
    """The other states of this user: those that have ports, and those whose programs run."""
    known = {claim.state for claim in port_registry.look().claims.values()}
    for pid in process_table.pids():
        known.add(process_table.variables(pid).get(process_table.STATE_VARIABLE, ""))
    paths = {Path(text) for text in known if text.startswith("/") and "\0" not in text}
    return sorted(path for path in paths if path != own)


def _shares(vault: Path, networks: Mapping[str, NetworkKeys]) -> bool:
    """Whether that vault has a key by which blocks of these networks are signed or made.

    One that can't be read is passed over: whose it is, nobody can tell.
    """
    ours = _makers(networks)
    try:
        other = Vault(vault)
        found = {name: other.existing(name) for name in other.networks()}
    except (WindlassError, OSError):
        return False
    return bool(ours & _makers({name: keys for name, keys in found.items() if keys}))


def _signs_with(state: Path, networks: Mapping[str, NetworkKeys]) -> bool:
    """Whether a CometBFT of that state was given one of these validators' keys.

    Programs run on without the vault, which may have been moved away or lost.
    """
    own = validators(networks)
    for name, keys in networks.items():
        for workload, identity in keys.identities.items():
            if not identity.validator_key:
                continue
            home = workload_directory(state, name, workload) / HOME
            try:
                found = read_json(home / "config" / "priv_validator_key.json", _KeyFile)
            except FileError:
                continue
            if found.address in own:
                return True
    return False


def _makers(networks: Mapping[str, NetworkKeys]) -> set[tuple[str, str]]:
    """Genesis and key of everybody who signs or makes blocks."""
    return {
        (keys.ethereum_genesis_hash, identity.validator_key or identity.fee_key)
        for keys in networks.values()
        for identity in keys.identities.values()
        if identity.validator_key or identity.fee_key
    }


async def _answering(networks: Mapping[str, NetworkKeys], listeners: Sequence[Listener]) -> str:
    """What one of the listeners says that it does with these keys; '' if none does."""
    own = validators(networks)
    questions: list[Callable[[], Awaitable[str]]] = [
        partial(_signs, url, own)
        for url in dict.fromkeys(one.cometbft_url for one in listeners if one.cometbft_url)
    ]
    for listener in listeners:
        keys = networks.get(listener.network)
        if keys is not None and not keys.cometbft_genesis and listener.rpc_url:
            questions.append(partial(_follows, listener.rpc_url, listener.network, keys))
    if not questions:
        return ""
    limit = asyncio.Semaphore(ASKED_AT_ONCE)

    async def asked(question: Callable[[], Awaitable[str]]) -> str:
        async with limit:
            return await question()

    tasks = [asyncio.ensure_future(asked(question)) for question in questions]
    done, late = await asyncio.wait(tasks, timeout=PATIENCE_S)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return next((task.result() for task in tasks if task in done and task.result()), "")


async def _signs(url: str, own: Mapping[str, str]) -> str:
    """Whether CometBFT there has one of these keys, or sees the votes of one."""
    client = None
    try:
        client = CometbftClient(url, timeout_s=ANSWER_TIMEOUT_S)
        address = (await client.status()).address
        if address in own:
            return f"CometBFT at {url} runs with the key of {own[address]}"
        signing = sorted(own[one] for one in await client.recent_signers(BLOCKS) if one in own)
        return f"CometBFT at {url} has new votes of {', '.join(signing)}" if signing else ""
    except WindlassError:  # nobody is there, or somebody else
        return ""
    finally:
        if client is not None:
            await client.close()


async def _follows(url: str, network: str, keys: NetworkKeys) -> str:
    """Whether a geth of this very chain is there. A solo network has one maker of blocks, and all
    its programs have one supervisor, so where one answers the sealer is, too."""
    rpc = None
    try:
        http = HttpClient(url, timeout_s=ANSWER_TIMEOUT_S, body_bytes_max=ANSWER_BYTES_MAX)
        rpc = JsonRpc(http)
        block = await rpc.call("eth_getBlockByNumber", "0x0", False)
    except WindlassError:  # nobody is there, or somebody else
        return ""
    finally:
        if rpc is not None:
            await rpc.close()
    if isinstance(block, dict) and block.get("hash") == keys.ethereum_genesis_hash:
        return f"{network} answers at {url}"
    return ""
