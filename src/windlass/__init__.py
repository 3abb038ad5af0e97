"""Windlass runs a private blockchain, and the business on top of it, from one file."""

__version__ = "0.2.0"
