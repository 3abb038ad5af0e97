"""The registrar: one address that always knows the bootnodes of a network.

It asks each bootnode for its enode, keeps the last good answer of each, and serves the list in the
form that nodes boot from. May not know: who starts bootnodes, the chain, the spec.
"""
