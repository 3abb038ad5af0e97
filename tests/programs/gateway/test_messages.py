"""Messages of clients, taken apart."""

from __future__ import annotations

import time

from windlass.programs.gateway import messages

BODY_S = 2.0


def test_a_batch_of_millions_is_not_read_to_its_end() -> None:
    """One more than the limit is enough to refuse it; reading them all would take half a minute."""
    began = time.process_time()
    calls = messages.parse(b"[" + b"1," * 2_500_000 + b"1]", 1000)
    assert isinstance(calls, list)
    assert len(calls) == 1001
    assert time.process_time() - began < BODY_S
