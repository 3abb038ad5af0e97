"""A transaction that geth has forgotten is shown as geth would show it."""

from __future__ import annotations

from typing import Any

from eth_account import Account

from tests.support.gateway import GatewayNetwork
from windlass.chains.ethereum.raw_transaction import decode
from windlass.programs.gateway.transaction_view import pending_view

TO = "0x" + "12" * 20
ACCESS = [{"address": TO, "storageKeys": ["0x" + "01" * 32]}]


def test_every_type_is_shown_as_geth_shows_it(network: GatewayNetwork) -> None:
    """Field by field, for transactions that wait in a real geth's pool."""
    sender = network.senders[5]
    account = Account.from_key(sender.secret)
    common: dict[str, Any] = {
        "to": TO, "value": 5, "gas": 90_000, "data": "0x1234", "chainId": sender.chain_id,
    }  # fmt: skip
    fees = {"maxFeePerGas": 9 * 10**9, "maxPriorityFeePerGas": 10**9}
    authority = Account.from_key(network.senders[4].secret)
    authorization = authority.sign_authorization(
        {"chainId": sender.chain_id, "address": TO, "nonce": 0}
    )
    deployment = {key: value for key, value in common.items() if key != "to"}
    kinds: list[dict[str, Any]] = [
        {**common, "gasPrice": 9 * 10**9},
        {**common, "gasPrice": 9 * 10**9, "accessList": ACCESS, "type": 1},
        {**common, **fees, "accessList": ACCESS, "type": 2},
        {**deployment, **fees, "data": "0x00", "type": 2},
    ]
    # One with authorizations may not wait for another one, so it has an account of its own.
    other = network.senders[6]
    cases = [(account, 1 + place, fields) for place, fields in enumerate(kinds)]
    cases.append(
        (
            Account.from_key(other.secret),
            0,
            {**common, **fees, "authorizationList": [authorization], "type": 4},
        )
    )
    network.solo.kill_sealer()
    try:
        for signer, nonce, fields in cases:
            raw = bytes(signer.sign_transaction({**fields, "nonce": nonce}).raw_transaction)
            geth = network.nodes[0].rpc
            known = geth("eth_sendRawTransaction", "0x" + raw.hex())
            assert pending_view(decode(raw)) == geth("eth_getTransactionByHash", known)
    finally:
        network.solo.start_sealer()
