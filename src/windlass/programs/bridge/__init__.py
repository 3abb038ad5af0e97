"""The bridge joins one unmodified geth to one CometBFT: consensus decides, geth executes.

It owns the meaning of a CometBFT block (one Ethereum payload or nothing, and at times a change of
the validator set), the rules by which a proposal is refused, the validator set, and the log of all
decided payloads. It may not know: specs, plans, other
nodes' internals, or what is in users' transactions, which are geth's business; only gathering.py
carries some, unopened, from one geth to another.
"""
