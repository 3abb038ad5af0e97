"""CometBFT's wire: ABCI 2.0 over a unix socket, its keys, its configuration and its RPC."""
