"""The gateway: the network's own RPC endpoint, over HTTP and WebSocket.

It answers from nodes that are up and up to date, never lets a client see the chain go backwards,
and owns every transaction that it accepted until it is final. May not know: who starts nodes, the
spec, CometBFT.
"""
