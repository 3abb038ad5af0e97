"""The vault: keys, genesis and secrets of a spec's networks, made once and kept.

Owns every secret. May not know: what runs where, and how (plan and runtimes), or who asks (cli).
"""
