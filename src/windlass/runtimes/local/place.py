"""Where a spec and its state lie, and whom the state belongs to."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import msgspec

from windlass.runtimes.local.errors import ForeignState
from windlass.runtimes.local.state import State

SPEC_NAME = "windlass.yaml"
STATE_NAME = ".windlass"
STATE_VARIABLE = "WINDLASS_STATE"
SPEC_META = "spec"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A spec's file and the directory of its state, both absolute; neither needs to exist."""

    spec_path: Path
    state: Path


def locate(spec_file: str | None = None) -> Place:
    """The place of that file, by default `windlass.yaml` here. WINDLASS_STATE moves the state."""
    spec_path = Path(spec_file or SPEC_NAME).expanduser().resolve()
    chosen = os.environ.get(STATE_VARIABLE)
    state = Path(chosen).expanduser() if chosen else spec_path.parent / STATE_NAME
    return Place(spec_path=spec_path, state=state.resolve())


def refuse_foreign(state: State, place: Place) -> None:
    """Two specs in one directory must not take each other's networks for their own.

    A spec that was renamed is still the same one: only if the other file is there, too, is it
    another's. Raises ForeignState.
    """
    kept = state.meta(SPEC_META)
    if kept is None or Path(kept) == place.spec_path or not Path(kept).exists():
        return
    if Path(kept).parent != place.spec_path.parent and not place.spec_path.exists():
        return
    if place.state == place.spec_path.parent / STATE_NAME != Path(kept).parent / STATE_NAME:
        raise ForeignState(
            f"{place.state} is a copy of the state of {kept}.",
            "Two networks with the same keys would vote twice. Delete the copy's state "
            f"(`rm -r {shlex.quote(str(place.state))}`) and it becomes a network of its own; or "
            "delete the original's.",
        )
    raise ForeignState(
        f"{place.state} holds the networks of {kept}, not of {place.spec_path}.",
        "Give each spec a directory of its own, or name another state in WINDLASS_STATE.",
    )


def opened(place: Place) -> State:
    """The state of that place, open: for every verb about what is there already.

    Raises NoState, ForeignState if it is another spec's, and what else `State.open` raises.
    """
    state = State.open(place.state)
    try:
        refuse_foreign(state, place)
    except BaseException:
        state.close()
        raise
    return state
