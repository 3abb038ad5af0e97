"""Where a spec and its state lie, and whom the state belongs to."""

from __future__ import annotations

import os
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
    raise ForeignState(
        f"{place.state} holds the networks of {kept}, not of {place.spec_path}.",
        "Give each spec a directory of its own, or name another state in WINDLASS_STATE.",
    )
