"""What stands between a client's message and whoever answers it."""

from __future__ import annotations

import json

import msgspec

from windlass.kit.metrics import Registry
from windlass.programs.gateway.dispatch import Dispatcher, Outcome
from windlass.programs.gateway.metrics import Metrics
from windlass.programs.gateway.session import Session


async def fine(method: str, params: msgspec.Raw, session: Session) -> Outcome:
    """A method that works."""
    del method, params, session
    return Outcome(b'"0x1"')


async def broken(method: str, params: msgspec.Raw, session: Session) -> Outcome:
    """A method with a defect."""
    del params, session
    raise ZeroDivisionError(method)


async def test_a_defect_costs_its_own_call_only() -> None:
    """In a batch the other calls are answered; the broken one gets an internal error."""
    dispatcher = Dispatcher({"eth_fine": fine, "eth_broken": broken}, fine, Metrics(Registry()))
    calls = [
        {"jsonrpc": "2.0", "id": number, "method": method, "params": []}
        for number, method in enumerate(["eth_fine", "eth_broken", "eth_fine"])
    ]

    answers = json.loads(await dispatcher.answer(json.dumps(calls).encode(), Session()))

    assert [one.get("result") for one in answers] == ["0x1", None, "0x1"]
    assert answers[1]["error"]["code"] == -32603
    assert "ZeroDivision" not in json.dumps(answers)
