"""Ethereum's wire: quantities, encoders, the Engine API, and how a forgetful geth is fed again."""
