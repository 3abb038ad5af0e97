"""The bootnode: through it a network's geths find one another.

It speaks discovery v4 over UDP (answers pings, requests for neighbours and for its node record),
keeps the nodes it knows on disk, and serves its own enode over HTTP. It never joins the network of
blocks. May not know: who else runs, the chain, the spec.
"""
