"""What every part may use and nothing here knows about chains: errors, files, HTTP, logs, metrics.

Nothing in this package imports from the rest of Windlass.
"""
