"""A transaction that is in no block yet, as geth shows it: for one that geth has forgotten."""

from __future__ import annotations

from typing import Any

from windlass.chains.ethereum import rlp
from windlass.chains.ethereum.raw_transaction import BLOB, LEGACY, RawTransaction
from windlass.chains.ethereum.rlp import Item, RlpError

SET_CODE = 4


def pending_view(transaction: RawTransaction) -> dict[str, Any]:
    """The JSON object of eth_getTransactionByHash. Raises ValueError for a type that can't be
    pending here."""
    items = [rlp.decode(field) for field in transaction.fields]
    legacy = transaction.type == LEGACY
    # Behind the nonce (and the chain id before it) stand one or two fees and the gas limit.
    at = 3 if legacy else 4 if transaction.type == 1 else 5
    to, value, data = items[at], items[at + 1], items[at + 2]
    if not isinstance(to, bytes) or not isinstance(data, bytes):
        raise RlpError("a field is a list")
    view: dict[str, Any] = {
        "blockHash": None,
        "blockNumber": None,
        "blockTimestamp": None,
        "from": transaction.sender(),
        "gas": hex(transaction.gas_limit),
        "gasPrice": hex(transaction.max_fee_wei),
        "hash": transaction.hash,
        "input": _hex(data),
        "nonce": hex(transaction.nonce),
        "to": _hex(to) if to else None,
        "transactionIndex": None,
        "value": hex(rlp.decode_int(value)),
        "type": hex(transaction.type),
        "v": hex(transaction.v),
        "r": hex(rlp.decode_int(items[-2])),
        "s": hex(rlp.decode_int(items[-1])),
    }
    if transaction.chain_id:
        view["chainId"] = hex(transaction.chain_id)
    if legacy:
        return view
    view["yParity"] = hex(transaction.parity)
    view["accessList"] = [_access(entry) for entry in _items(items[at + 3])]
    if transaction.type > 1:
        view["maxFeePerGas"] = hex(transaction.max_fee_wei)
        view["maxPriorityFeePerGas"] = hex(transaction.max_priority_fee_wei)
    if transaction.type == BLOB:
        view["maxFeePerBlobGas"] = hex(rlp.decode_int(items[at + 4]))
        view["blobVersionedHashes"] = [_hex(one) for one in _items(items[at + 5])]
    if transaction.type == SET_CODE:
        view["authorizationList"] = [_authorization(one) for one in _items(items[at + 4])]
    return view


def _access(entry: Item) -> dict[str, Any]:
    address, keys = _items(entry)
    return {"address": _hex(address), "storageKeys": [_hex(key) for key in _items(keys)]}


def _authorization(entry: Item) -> dict[str, Any]:
    chain_id, address, nonce, parity, r, s = _items(entry)
    return {
        "chainId": hex(rlp.decode_int(chain_id)),
        "address": _hex(address),
        "nonce": hex(rlp.decode_int(nonce)),
        "yParity": hex(rlp.decode_int(parity)),
        "r": hex(rlp.decode_int(r)),
        "s": hex(rlp.decode_int(s)),
    }


def _items(item: Item) -> list[Item]:
    if isinstance(item, bytes):
        raise RlpError("a list is needed")
    return item


def _hex(item: Item) -> str:
    if not isinstance(item, bytes):
        raise RlpError("a string is needed, not a list")
    return "0x" + item.hex()
