"""Where a spec and its state lie, and whom the state belongs to."""

from __future__ import annotations

import os
import secrets
import shlex
from pathlib import Path

import msgspec

from windlass.kit.errors import UsageError, WindlassError
from windlass.runtimes.local.errors import ForeignState
from windlass.runtimes.local.state import FILE_NAME, State

SPEC_NAME = "windlass.yaml"
STATE_NAME = ".windlass"
STATE_VARIABLE = "WINDLASS_STATE"
SPEC_META = "spec"
IDENTITY_META = "identity"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A spec's file and the directory of its state, both absolute; neither needs to exist."""

    spec_path: Path
    state: Path


def locate(spec_file: str | None = None) -> Place:
    """The place of that file, by default `windlass.yaml` here. WINDLASS_STATE moves the state.

    Raises UsageError for a path that leads nowhere, or that no file of ours can name.
    """
    if spec_file == "":
        raise UsageError("-f names no file: it is empty.", "Name one, or leave -f away.")
    spec_path = _absolute(spec_file or SPEC_NAME, "the spec", "Name the spec's own file with -f.")
    chosen = os.environ.get(STATE_VARIABLE) or str(spec_path.parent / STATE_NAME)
    next_step = f"Name another directory in {STATE_VARIABLE}."
    return Place(spec_path=spec_path, state=_absolute(chosen, "the state", next_step))


def _absolute(text: str, what: str, next_step: str) -> Path:
    """The path without `~` and links. Raises UsageError."""
    shown = os.fsencode(text).decode("utf-8", "backslashreplace")
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        name = shown.partition("/")[0][1:]
        why = f"there is no user {name} who has one" if name else "this user has none"
        raise UsageError(
            f"{shown} does not lead to {what}: ~ is a home directory, and {why}.",
            "Write the path out, without ~.",
        ) from error
    try:
        path = path.resolve()
    except RuntimeError as error:  # what Python 3.11 and 3.12 say of a link that leads to itself
        raise UsageError(f"{shown} is a link that leads back to itself.", next_step) from error
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise UsageError(
            f"The path of {what}, {shown}, is not UTF-8, and files that must name it are.",
            "Rename its folder or file, or move it to another one.",
        ) from error
    return path


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
    original = Path(kept).parent / STATE_NAME
    if place.state == place.spec_path.parent / STATE_NAME != original:
        if not _is_copy(state, original):
            return  # it was moved, and where it was there is another one now
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


def claim(state: State, place: Place) -> None:
    """Notes that the state is this spec's; a new one gets a name of its own, which copies share."""
    state.set_meta(SPEC_META, str(place.spec_path))
    if state.meta(IDENTITY_META) is None:
        state.set_meta(IDENTITY_META, secrets.token_hex(16))


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


def _is_copy(state: State, original: Path) -> bool:
    """Whether the state there is the same one; so it is if that cannot be told."""
    if not (original / FILE_NAME).exists():
        return False
    try:
        with State.open(original) as other:
            names = {state.meta(IDENTITY_META), other.meta(IDENTITY_META)}
    except WindlassError:
        return True
    return len(names) == 1 or None in names
