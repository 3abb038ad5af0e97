"""Who signed the newest blocks: /commit of a CometBFT, as far as it names validators.

Source: CometBFT 0.38, rpc/core/types/responses.go (ResultCommit), types/block.go (CommitSig).
"""

from __future__ import annotations

import msgspec

from windlass.chains.cometbft.rpc import CometbftClient

BLOCKS = 10
"""A validator that runs has signed one of so many, also if it was restarted just now."""


class CommitClient(CometbftClient):
    """The RPC of one CometBFT, asked for signatures."""

    async def signers(self, blocks: int = BLOCKS) -> set[str]:
        """The addresses whose votes are in the newest commits. Raises CometbftError."""
        newest = await self._get("/commit", _Commit)
        found = _addresses(newest)
        height = self._number(newest.signed_header.commit.height)
        for number in range(height - 1, max(0, height - blocks), -1):
            found |= _addresses(await self._get(f"/commit?height={number}", _Commit))
        return found


class _Signature(msgspec.Struct):
    validator_address: str  # empty for a validator that did not sign


class _Signatures(msgspec.Struct):
    height: str
    signatures: list[_Signature]


class _SignedHeader(msgspec.Struct):
    commit: _Signatures


class _Commit(msgspec.Struct):
    signed_header: _SignedHeader


def _addresses(commit: _Commit) -> set[str]:
    found = {one.validator_address for one in commit.signed_header.commit.signatures}
    return found - {""}
