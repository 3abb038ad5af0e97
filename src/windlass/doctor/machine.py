"""What the machine itself says: room on the disk, and whether its clock is kept."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from windlass.doctor.evidence import Disk
from windlass.runtimes.local import disk_history
from windlass.runtimes.local.disk import used_bytes

TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
TIMEX_BYTES = 512  # struct timex has 208 on 64-bit Linux; the kernel writes no further than that


def disk(state: Path) -> Disk | None:
    """The disk under the state; None if it can't be looked at."""
    try:
        status = os.statvfs(state)
    except OSError:
        return None
    return Disk(
        path=str(state),
        free_bytes=status.f_bavail * status.f_frsize,
        total_bytes=status.f_blocks * status.f_frsize,
        free_inodes=status.f_favail if status.f_files else None,
        used_bytes=used_bytes(state),
        history=disk_history.read(state),
    )


def clock_synchronised() -> bool | None:
    """The kernel's own word, which NTP daemons set (adjtimex(2)); None where it can't be asked."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        answer = libc.adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else answer != TIME_ERROR
