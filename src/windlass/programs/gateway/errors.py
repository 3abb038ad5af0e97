"""What a client is told when the gateway itself refuses: geth's codes and words where it has any.

What a node refuses is passed on as the node said it.
"""

from __future__ import annotations

import msgspec

from windlass.kit.errors import WindlassError

PARSE = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL = -32603
DEFAULT = -32000
NO_NODE = -32002
"""geth's own number for a call that took too long."""
RESPONSE_TOO_LARGE = -32003
LIMIT = -32005
"""EIP-1474: limit exceeded."""


class RpcRefusal(WindlassError):
    """A call is answered with a JSON-RPC error of the gateway's own."""

    code = "rpc_refusal"

    def __init__(self, rpc_code: int, message: str) -> None:
        super().__init__(message)
        self.rpc_code = rpc_code

    def encoded(self) -> bytes:
        """The JSON-RPC error object."""
        return msgspec.json.encode({"code": self.rpc_code, "message": self.sentence})


class NodeLost(WindlassError):
    """The connection to a node ended before it answered; the call may be sent to another one."""

    code = "node_lost"


def no_such_method(method: str) -> RpcRefusal:
    """In geth's words."""
    return RpcRefusal(
        METHOD_NOT_FOUND, f"the method {method[:200]} does not exist/is not available"
    )


def invalid_request() -> RpcRefusal:
    """In geth's words."""
    return RpcRefusal(INVALID_REQUEST, "invalid request")


def invalid_params(message: str) -> RpcRefusal:
    """A parameter is missing or makes no sense."""
    return RpcRefusal(INVALID_PARAMS, message)


def timed_out() -> RpcRefusal:
    """In geth's words."""
    return RpcRefusal(NO_NODE, "request timed out")


def no_node(reason: str) -> RpcRefusal:
    """No node can answer now; the client may try again."""
    return RpcRefusal(NO_NODE, f"no node of this network can answer now: {reason}; try again")
