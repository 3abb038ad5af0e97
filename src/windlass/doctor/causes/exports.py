"""Whether an export has all keys, so that the network outlives the loss of its folder.

A network that was never exported is told of an hour after its keys were made. Until then it is most
likely a trial or a test, where the warning would only teach people to read past warnings; and what
can be lost of it is an hour's work. Who exported once wants every key to be in an export, so keys
that came later are told of at once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from windlass.doctor.evidence import Evidence
from windlass.doctor.findings import Finding

TRIAL_S = 3600.0
"""How old keys may be that nobody has exported yet."""


def find(evidence: Evidence) -> Iterator[Finding]:
    """keys-never-exported."""
    known = evidence.key_export
    if known is None:
        return
    age_s = evidence.now - (known.vault_made or evidence.now)
    if known.standing == "never" and age_s > TRIAL_S:
        yield _finding(
            "The keys here were never exported: who loses the folder loses its networks.",
            f"{evidence.state}/vault notes no export, and its keys are {age_s / 3600:.0f} h old",
        )
    elif known.standing == "stale":
        yield _finding(
            "Keys were made since the last export: they are in none.",
            f"{evidence.state}/vault has other files than at the export of {_when(known.exported)}",
        )


def _finding(sentence: str, evidence: str) -> Finding:
    return Finding(
        code="keys-never-exported",
        severity="warning",
        sentence=sentence,
        evidence=evidence,
        next_step="`windlass keys export`; keep the file away from this machine, and its "
        "passphrase away from the file.",
    )


def _when(at: float | None) -> str:
    try:
        return f"{dt.datetime.fromtimestamp(at or 0, dt.UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):  # somebody wrote into the note
        return "an unknown time"
