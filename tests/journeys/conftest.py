"""What several journeys need."""

from __future__ import annotations


def together(*texts: str) -> str:
    """One spec with the networks of all of these; its name is the first one's."""
    first, *others = texts
    return first + "".join(text.partition("networks:\n")[2] for text in others)
