"""A program's settings: one JSON file, read once, checked strictly before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from windlass.kit import json
from windlass.kit.errors import UsageError
from windlass.kit.files import FileError, read_bytes
from windlass.kit.json import JsonError

T = TypeVar("T")

BYTES_MAX = 1 << 20


class SettingsError(UsageError):
    """The settings file is missing, unreadable or wrong."""

    code = "settings"


def load(path: Path | str, kind: type[T]) -> T:
    """The settings in that file. Raises SettingsError naming the file and the field."""
    path = Path(path)
    try:
        content = read_bytes(path, bytes_max=BYTES_MAX)
    except FileError as error:
        raise SettingsError(error.sentence, "Name an existing settings file.") from error
    try:
        return json.decode(content, kind)
    except JsonError as error:
        raise SettingsError(
            f"The settings in {path} are wrong: {error}.",
            "`windlass up` writes them; a file made by hand needs every field of this release.",
        ) from error
