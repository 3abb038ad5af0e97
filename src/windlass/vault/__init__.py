"""The vault: keys, genesis and secrets of a spec's networks, made once and kept."""
