"""The page that documents `windlass doctor --json`, made from the codes and the structs."""

from __future__ import annotations

from windlass.doctor.findings import CAUSES

_HEAD = """\
# `windlass doctor --json`

<!-- made by `make docs` from windlass.doctor.findings; change it there -->

    {"schema": 1, "healthy": bool, "findings": [
      {"code", "severity", "network", "node", "sentence", "evidence", "next_step"}]}

- `healthy` is false, and the exit code 1, only if there is a finding of severity `error`. A
  `warning` says what will or may become one, or what somebody did on purpose.
- `network` and `node` are null where none in particular is meant.
- `sentence` says what is wrong, `evidence` what was read where, `next_step` what to do about it.
  All three are for people, and may be worded anew in any release; `code` is for programs and stays.
- Findings come in the order in which to read them: roots before what follows from them, warnings
  that explain nothing last. What merely says that a node does not work is left out where something
  says why.

| code | meaning |
|---|---|
"""


def markdown() -> str:
    """The whole page."""
    rows = (f"| `{code}` | {cause.meaning} |\n" for code, cause in CAUSES.items())
    return _HEAD + "".join(rows)
