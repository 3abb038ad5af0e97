"""A bound on what one address may cost us: checking a signature takes a tenth of a millisecond."""

from __future__ import annotations

from collections import OrderedDict

PER_SECOND = 500.0
BURST = 2000.0
"""All nodes of a network on one machine share an address, and start together."""
ADDRESSES_MAX = 4096


class RateLimit:
    """A token bucket per address; the addresses not heard of for the longest are forgotten."""

    def __init__(
        self,
        per_second: float = PER_SECOND,
        burst: float = BURST,
        addresses_max: int = ADDRESSES_MAX,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._addresses_max = addresses_max
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def allows(self, address: str, now_s: float) -> bool:
        """Takes one token at that monotonic time; False if there is none."""
        tokens, since = self._buckets.get(address, (self._burst, now_s))
        tokens = min(self._burst, tokens + (now_s - since) * self._per_second)
        allowed = tokens >= 1
        self._buckets[address] = (tokens - 1 if allowed else tokens, now_s)
        self._buckets.move_to_end(address)
        if len(self._buckets) > self._addresses_max:
            self._buckets.popitem(last=False)
        return allowed
