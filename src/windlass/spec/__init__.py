"""The spec: what `windlass.yaml` says, checked once, before anything starts."""
