"""Makes the blocks of a network with one authority: drives one geth, feeds those that follow it.

Owns the order in which a block is built, recorded and announced, and the feeding of followers. May
not know: consensus among several, the spec, the vault, who starts it.
"""
