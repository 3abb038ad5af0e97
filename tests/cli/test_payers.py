"""Whose money `fund` and `send` give away when nobody is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.chains.ethereum.quantities import Address
from windlass.cli.send import first_payer
from windlass.kit.errors import UsageError
from windlass.vault.keys import Account


def account(name: str, origin: str, *, kept: bool = True) -> Account:
    """An account of that origin, its key kept or not."""
    keystore = Path("keystore") / name if kept else None
    return Account(name=name, address=Address("0x" + "ab" * 20), keystore=keystore, origin=origin)


def test_fund_gives_the_money_of_the_genesis_only() -> None:
    """The first genesis account whose key is here; never one that somebody made or imported."""
    lost, alice = account("lost", "genesis", kept=False), account("alice", "genesis")
    shop, fees = account("shop", "made"), account("validator-0", "fees", kept=False)

    assert first_payer([lost, alice, shop, fees], "trade", from_genesis=True) is alice
    with pytest.raises(UsageError, match="trade has no genesis account"):
        first_payer([lost, shop, fees], "trade", from_genesis=True)


def test_send_takes_the_first_that_it_can_sign_for() -> None:
    """Without genesis accounts that is one that was made; never that of the fees."""
    shop, fees = account("shop", "made"), account("validator-0", "fees", kept=False)

    assert first_payer([shop, fees], "trade", from_genesis=False) is shop
    with pytest.raises(UsageError, match="no account of its own"):
        first_payer([fees], "trade", from_genesis=False)
