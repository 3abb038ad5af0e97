"""Why keys are not exported or imported. None of these texts ever holds a part of a secret."""

from __future__ import annotations

import shlex
from pathlib import Path

from windlass.kit.errors import UsageError, WindlassError
from windlass.vault.errors import VaultError


class NoKeys(VaultError):
    """There is nothing to export."""

    code = "no_keys"

    def __init__(self, vault: Path) -> None:
        super().__init__(f"There are no keys in {vault}.", "`windlass up` makes them.")


class WeakPassphrase(UsageError):
    """The passphrase would be guessed before its file is forgotten."""

    code = "weak_passphrase"


class ExportExists(WindlassError):
    """An export is never written over anything."""

    code = "export_exists"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already.", "Name another file, or delete that one.")


class NotAnExport(WindlassError):
    """The file is something else, or not all of it is there."""

    code = "not_an_export"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} is no export of keys that can be read: {reason}.",
            "Name a whole file as `windlass keys export` wrote it; nothing was changed.",
        )


class ExportNotOpened(WindlassError):
    """The passphrase is another one, or the file was altered: no cipher can tell which."""

    code = "export_not_opened"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The passphrase does not open {path}, or somebody changed the file.",
            "Try again with the passphrase that it was written with, or with another copy of the "
            "file; nothing was changed.",
        )


class ExportNewer(WindlassError):
    """A newer release wrote the file."""

    code = "export_newer"

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            f"{path} is of schema {found}, this release of windlass knows {known}: a newer "
            f"release wrote it.",
            "Use that release; nothing was changed.",
        )


class VaultExists(VaultError):
    """Keys are never written over."""

    code = "vault_exists"

    def __init__(self, vault: Path) -> None:
        super().__init__(
            f"{vault} has other keys than the file, and keys are never written over.",
            "Import into another folder (`-f FOLDER/windlass.yaml`). Or, if nobody needs these "
            f"keys any more, move them away first: `mv {shlex.quote(str(vault))} …`.",
        )


class SignsElsewhere(WindlassError):
    """Somebody makes blocks or votes with these keys already."""

    code = "signs_elsewhere"

    def __init__(self, where: str) -> None:
        super().__init__(
            f"These keys are in use: {where}. Two that sign with one key take their network apart.",
            "Stop that network for good (`windlass down` in its folder), then import again.",
        )
