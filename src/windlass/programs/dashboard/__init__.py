"""The dashboard: receives the nodes' ethstats reports, keeps them, and shows the network live.

A node can speak only for itself: what a report says of others is not believed. May not know: who
starts nodes, the spec, the gateway.
"""
