"""The user's own directories for what is not a spec's: programs, and who has which port.

Where they lie is the XDG Base Directory Specification's, which also says to ignore relative paths.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from windlass.kit.errors import WindlassError

NAME = "windlass"


def user_directory(variable: str, below_home: str, refusal: WindlassError) -> Path:
    """`windlass` below the directory that the variable names, else below that one of the home.

    Raises `refusal` for a user without a home.
    """
    base = os.environ.get(variable, "")
    if base.startswith("/"):
        return Path(base) / NAME
    home = os.environ.get("HOME", "")
    if not home:
        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            raise refusal from None
    return Path(home) / below_home / NAME
