"""Waiting in tests: for a condition, with a bound; what was seen last is in the failure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.05


class StillNotTrueError(AssertionError):
    """The condition did not come true in time; says what was waited for and what was seen."""

    def __init__(self, what: str, timeout_s: float, seen: object) -> None:
        super().__init__(f"not within {timeout_s:g} s: {what}; last seen: {seen!r}")


def until(
    condition: Callable[[], T], what: str, *, timeout_s: float = 30, poll_s: float = POLL_S
) -> T:
    """Asks until the answer is true and returns it. An OSError counts as not yet."""
    deadline = time.monotonic() + timeout_s
    while True:
        seen, value = _ask(condition)
        if value:
            return value
        if time.monotonic() > deadline:
            raise StillNotTrueError(what, timeout_s, seen)
        time.sleep(poll_s)


async def eventually(
    condition: Callable[[], Awaitable[T]],
    what: str,
    *,
    timeout_s: float = 30,
    poll_s: float = POLL_S,
) -> T:
    """The same for a condition that is awaited. An OSError counts as not yet."""
    deadline = time.monotonic() + timeout_s
    while True:
        seen: object
        try:
            value = await condition()
            if value:
                return value
            seen = value
        except OSError as error:
            seen = error
        if time.monotonic() > deadline:
            raise StillNotTrueError(what, timeout_s, seen)
        await asyncio.sleep(poll_s)


def _ask(condition: Callable[[], T]) -> tuple[object, T | None]:
    try:
        value = condition()
    except OSError as error:
        return error, None
    return value, value
