"""Who asks: over HTTP nobody in particular, over WebSocket a connection that can be sent events."""

from __future__ import annotations

from collections.abc import Callable


class Session:
    """An HTTP request's: it takes no events. `later` has what is to be done once the answer to the
    message in hand is on its way, so that a subscription's id goes before its first event."""

    takes_events = False

    def __init__(self) -> None:
        self.later: list[Callable[[], None]] = []
        self.subscriptions: set[str] = set()

    def tell(self, event: bytes) -> None:
        """Sends an event."""
        raise NotImplementedError

    def answered(self) -> None:
        """The answer is on its way."""
        if self.later:
            later, self.later = self.later, []
            for action in later:
                action()
