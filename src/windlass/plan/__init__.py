"""From a spec and a vault to workloads: pure, and the only place that decides what a node is.

May not know: processes, clusters, the clock, the network. The same spec, vault and site always
give the same list.
"""
