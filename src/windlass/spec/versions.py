"""Which versions of the chain clients Windlass runs: everything that names one names it from here.

What we rely on changes between lines (1.17, 0.38) and not within one, so a line is what a spec may
choose in, and the pinned version is what it gets if it names none.
"""

from __future__ import annotations

GETH_LINE = (1, 17)
GETH_PATCH_MIN = 5
"""1.17.5 is the first with --override.genesis and without the flags deprecated before."""

COMETBFT_LINE = (0, 38)
COMETBFT_PATCH_MIN = 0

PINNED = {"geth": "1.17.8", "cometbft": "0.38.26"}
"""The newest that build today from the public Go modules; tested with every release."""


def dotted(*numbers: int) -> str:
    """(1, 17) as it is written: 1.17."""
    return ".".join(str(number) for number in numbers)
