"""What goes over the supervisor's control socket: one JSON object per line, each answered by one.

`ping`; `apply`: read the wishes in the state anew; `restart` a node; `shutdown`: stop everything
and end; `leave`: end and let everything run.
"""

from __future__ import annotations

import msgspec


class Request(msgspec.Struct, frozen=True):
    """What a client asks for; `network` and `node` only where the operation needs them."""

    op: str
    network: str = ""
    node: str = ""


class Answer(msgspec.Struct, frozen=True):
    """`ok`, or `error` says why not. `pid` and `version` are the supervisor's."""

    ok: bool
    error: str = ""
    pid: int = 0
    version: str = ""
