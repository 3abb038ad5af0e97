"""What all clients of this kit raise when the other side cannot be used, and how they say why.

A caller decides by `reason`, a person by the sentence; both come from the same place.
"""

from __future__ import annotations

from typing import Literal

from windlass.kit.errors import WindlassError

Reason = Literal["refused", "timeout", "protocol", "too_large"]


class TransportError(WindlassError):
    """The other side gave no usable answer.

    `reason`: `refused` nobody listens there or the connection broke before an answer; `timeout` no
    complete answer in time; `protocol` the answer breaks the protocol; `too_large` the answer is
    larger than the caller allows.
    """

    code = "transport"

    def __init__(self, reason: Reason, sentence: str, next_step: str = "") -> None:
        super().__init__(sentence, next_step)
        self.reason: Reason = reason


class HttpError(TransportError):
    """An HTTP server gave no usable answer."""

    code = "http"


class IpcError(TransportError):
    """A JSON-RPC unix socket gave no usable answer."""

    code = "ipc"
