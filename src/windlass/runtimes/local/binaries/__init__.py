"""The chain clients as files: found on the path, kept in the user's cache, or built from source.

May not know: specs, plans and networks. It is asked for a program and a version.
"""

from windlass.runtimes.local.binaries.binaries import Binaries, default_cache
from windlass.runtimes.local.binaries.errors import BinaryError, BuildError
from windlass.runtimes.local.binaries.models import Binary, Progress, Verdict

__all__ = [
    "Binaries",
    "Binary",
    "BinaryError",
    "BuildError",
    "Progress",
    "Verdict",
    "default_cache",
]
