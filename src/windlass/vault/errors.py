"""Why the vault refuses. None of these texts ever holds a part of a secret."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec

from windlass.kit.errors import UsageError, WindlassError


class VaultError(WindlassError):
    """The vault can't be used as it is."""

    code = "vault"


class VaultExposed(VaultError):
    """Somebody else can read a secret, so it may be none any more."""

    code = "vault_exposed"

    def __init__(self, path: Path, mode: int) -> None:
        kind, right = ("directory", "700") if path.is_dir() else ("file", "600")
        super().__init__(
            f"The vault's {kind} {path} is open to others on this machine (mode {mode:04o}).",
            f"Close it with `chmod {right} {shlex.quote(str(path))}`; if somebody may have looked, "
            f"make new keys.",
        )


class VaultCorrupt(VaultError):
    """A file of the vault does not hold what was written there."""

    code = "vault_corrupt"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The vault's {path} can't be used: {reason}.",
            "Put it back from a copy; without one the network can't go on: "
            "`windlass down --purge` and `windlass up` make a new one.",
        )


class VaultNewer(VaultError):
    """A newer release wrote this vault."""

    code = "vault_newer"

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            f"{path} is of schema {found}, this release of windlass knows {known}: a newer "
            f"release wrote it.",
            "Use that release; nothing was touched.",
        )


class Difference(msgspec.Struct, frozen=True):
    """A field of the spec whose value in block 0 is another one."""

    field: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.field}: {self.old} → {self.new}"


class GenesisMismatch(UsageError):
    """The spec asks for another block 0 than the one that the network was made with."""

    code = "genesis_mismatch"

    def __init__(self, network: str, differences: list[Difference]) -> None:
        self.network = network
        self.differences = tuple(differences)
        listed = "; ".join(str(difference) for difference in differences)
        super().__init__(
            f"Network {network} was made with another genesis than the spec asks for ({listed}); "
            f"block 0 of an existing network can't change.",
            "Put these fields back, or give the network up with `windlass down --purge` and "
            "start anew.",
        )


class UnknownAccount(UsageError):
    """There is no account of that name or address, or its key is not here."""

    code = "unknown_account"

    def __init__(self, network: str, label: str, known: list[str]) -> None:
        names = ", ".join(known) or "none"
        super().__init__(
            f"The vault has no key of an account {label!r} in network {network} (it has: {names}).",
            "`windlass accounts list` shows the accounts, `windlass accounts import` adds one.",
        )


class AccountExists(UsageError):
    """The name or the key is taken."""

    code = "account_exists"

    def __init__(self, network: str, label: str) -> None:
        super().__init__(
            f"Network {network} already has an account {label!r}.",
            "Choose another name; an existing account is never overwritten.",
        )


class NotAKey(UsageError):
    """What should be imported is not a private key."""

    code = "not_a_key"

    def __init__(self) -> None:
        super().__init__(
            "This is no private key: 64 hex digits are needed, with or without 0x.",
            "Give the digits, or a keystore file with its passphrase.",
        )
