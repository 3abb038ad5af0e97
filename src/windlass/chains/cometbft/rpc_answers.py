"""What CometBFT's RPC answers, as far as anything here reads it: its own names and nesting.

Source: CometBFT 0.38, rpc/core/types/responses.go.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Answer(msgspec.Struct):
    """The envelope of every answer."""

    result: msgspec.Raw = msgspec.Raw(b"null")
    error: Any = None


class NodeInfo(msgspec.Struct):
    """Who a CometBFT says that it is."""

    id: str
    network: str
    version: str
    moniker: str


class SyncInfo(msgspec.Struct):
    """How far it came."""

    latest_block_height: str
    latest_app_hash: str
    catching_up: bool


class PublicKey(msgspec.Struct):
    """A key in Base64."""

    value: str = ""


class Validator(msgspec.Struct):
    """One of the validator set; keys of a type that has no Base64 are empty."""

    address: str
    voting_power: str
    pub_key: PublicKey = msgspec.field(default_factory=PublicKey)


class QueryResponse(msgspec.Struct):
    """The application's answer; in Base64."""

    value: str | None = None


class QueryAnswer(msgspec.Struct):
    """/abci_query."""

    response: QueryResponse


class Broadcast(msgspec.Struct):
    """/broadcast_tx_sync."""

    code: int
    log: str = ""


class Status(msgspec.Struct):
    """/status."""

    node_info: NodeInfo
    sync_info: SyncInfo
    validator_info: Validator


class Peer(msgspec.Struct):
    """One of /net_info."""

    node_info: NodeInfo
    remote_ip: str


class NetInfo(msgspec.Struct):
    """/net_info."""

    peers: list[Peer]


class Validators(msgspec.Struct):
    """/validators."""

    validators: list[Validator]


class Proposer(msgspec.Struct):
    """Whose turn it is to propose."""

    address: str


class Votes(msgspec.Struct):
    """The votes of one round, as text each."""

    round: int
    prevotes: list[str]
    precommits: list[str]


class RoundState(msgspec.Struct):
    """Where consensus is."""

    position: str = msgspec.field(name="height/round/step")
    height_vote_set: list[Votes]
    proposer: Proposer


class ConsensusState(msgspec.Struct):
    """/consensus_state."""

    round_state: RoundState


class Header(msgspec.Struct):
    """What a block says of itself."""

    height: str
    app_hash: str
    validators_hash: str
    proposer_address: str


class Signature(msgspec.Struct):
    """What one validator signed, if anything."""

    block_id_flag: int
    validator_address: str


class Signatures(msgspec.Struct):
    """Those of one height."""

    round: int
    signatures: list[Signature]


class SignedHeader(msgspec.Struct):
    """A header and its commit."""

    header: Header
    commit: Signatures


class SignedCommit(msgspec.Struct):
    """/commit."""

    signed_header: SignedHeader
