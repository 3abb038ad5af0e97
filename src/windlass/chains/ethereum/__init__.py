"""Ethereum's wire: quantities, encoders, the Engine API, and how a forgetful client is fed again."""
