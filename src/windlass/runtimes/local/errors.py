"""What the local runtime refuses to do, each with its reason and the next step."""

from __future__ import annotations

import errno
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from windlass.kit.errors import UsageError, WindlassError


class NoState(WindlassError):
    """Nothing was ever started from this spec, or its data was purged."""

    code = "no_state"

    def __init__(self, directory: Path) -> None:
        if (directory / "vault").exists():
            super().__init__(
                f"{directory} has keys, but its state.db is gone.",
                "`windlass up` makes it anew and takes over what runs and the data that there are.",
            )
        else:
            super().__init__(
                f"There is no network in {directory}.", "Start one with `windlass up`."
            )
        self.directory = directory


class NewerState(WindlassError):
    """The state was written by a newer release, whose meaning this one cannot know."""

    code = "newer_state"

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            f"{path} was written by a newer Windlass: its schema is {found}, this release knows "
            f"schemas up to {known}.",
            "Use that release or a later one; nothing was changed.",
        )
        self.path, self.found, self.known = path, found, known


class BrokenState(WindlassError):
    """The state's database cannot be read; keys and chain data lie elsewhere and are untouched."""

    code = "broken_state"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} is damaged: {reason}.",
            f"Move {path.name} (and {path.name}-wal, {path.name}-shm) away and run `windlass up`: "
            "keys and chain data are not in it and are used again. Or delete everything: "
            "`windlass down --purge`.",
        )
        self.path = path


class UnusableState(WindlassError):
    """The state's database is there but this process may not or cannot use it now."""

    code = "unusable_state"

    @classmethod
    def refused(cls, directory: Path, error: OSError) -> UnusableState:
        """What the system said about the state's directory, and whose it is if that is why."""
        try:
            owner = directory.stat().st_uid
        except OSError:
            owner = os.geteuid()
        if isinstance(error, PermissionError) and owner != os.geteuid():
            return cls(
                f"{directory} belongs to another user, {_user(owner)}.",
                "Run the command as that user, or name a directory of your own in WINDLASS_STATE.",
            )
        return cls(
            f"{directory} cannot hold the state: {error.strerror}.",
            "Name another directory in WINDLASS_STATE.",
        )


class StillVotes(WindlassError):
    """The spec has no place for a validator that the chain counts on."""

    code = "still_votes"

    def __init__(self, network: str, validator: str) -> None:
        super().__init__(
            f"{validator} still votes in {network}: taken away, its votes would be missing.",
            f"First `windlass validator remove {validator}`, while the network runs with it, then "
            f"lower the number of validators and `windlass up`.",
        )
        self.network, self.validator = network, validator


class MayStillVote(WindlassError):
    """The spec has no place for a validator, and nobody can say whether the chain counts on it."""

    code = "may_still_vote"


class DiskFull(WindlassError):
    """A write failed for want of space."""

    code = "disk_full"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The disk under {path} is full.",
            "Free some space and run the command again; nothing that was there is lost.",
        )
        self.path = path


class NotEnoughDisk(WindlassError):
    """There is less room than the networks need; found before anything was touched."""

    code = "not_enough_disk"


class ForeignState(UsageError):
    """The state's directory belongs to another spec."""

    code = "foreign_state"


class PortTaken(WindlassError):
    """A port that the spec fixes is held by someone else."""

    code = "port_taken"

    def __init__(self, number: int, field: str, holder: str) -> None:
        super().__init__(
            f"Port {number} ({field}) is taken by {holder}.",
            f"Stop that program, or give {field} another number or `auto`.",
        )
        self.number, self.field, self.holder = number, field, holder


class NoPort(WindlassError):
    """Not one port was free in the whole range."""

    code = "no_port"


class Busy(WindlassError):
    """Another command is at work on the same state."""

    code = "busy"

    def __init__(self, pid: int, command: str, started: str) -> None:
        super().__init__(
            f"Another command is at work here: `{command}` (process {pid}, since {started}).",
            "Wait until it is done, or stop it.",
        )
        self.pid, self.command, self.started = pid, command, started


class NotHealthy(WindlassError):
    """Not every program became healthy; `reasons` says which and why."""

    code = "not_healthy"

    def __init__(self, sentence: str, reasons: list[str], next_step: str) -> None:
        super().__init__(sentence, next_step)
        self.reasons = reasons


class NoProgram(WindlassError):
    """A program cannot be started at all: it is missing or not executable."""

    code = "no_program"


class SupervisorSilent(WindlassError):
    """The supervisor does not answer on its control socket."""

    code = "supervisor_silent"


class NodeStopped(WindlassError):
    """What was asked for makes no sense with a node that is stopped on purpose."""

    code = "node_stopped"


class SigningRecordMissing(WindlassError):
    """A validator's record of what it has signed is gone. An empty one in its place would let it
    sign two blocks at one height, so none is made."""

    code = "signing_record_missing"

    def __init__(self, path: Path, node: str) -> None:
        super().__init__(
            f"{path} is missing, but {node} has run before: it holds what {node} has signed.",
            "Put it back from a backup. If there is none, `windlass doctor` says what is left: "
            "with the other validators running, it knows a record that is safe.",
        )
        self.path = path


class ChainMissing(WindlassError):
    """The sealer's data are gone: blocks that were final would be made a second time."""

    code = "chain_missing"

    def __init__(self, path: Path, node: str) -> None:
        super().__init__(
            f"{path} is missing, but {node} has run before: the chain's blocks were in it.",
            "Put it back from a backup. If there is none, the chain is lost: `windlass down "
            "--purge` and `windlass up` begin another one.",
        )
        self.path = path


class NotDeleted(WindlassError):
    """Something that was to be deleted for good is still there."""

    code = "not_deleted"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} could not be deleted: {reason}.",
            "See who owns it, then run the command again: it deletes what is left.",
        )
        self.path = path


class UnknownNode(UsageError):
    """No such network or node in the running plan."""

    code = "unknown_node"


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, is the want of disk space (or quota)."""
    while error is not None:
        if isinstance(error, DiskFull):
            return True
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__
    return False


@contextmanager
def disk_full_as_refusal(path: Path) -> Iterator[None]:
    """Turns a write that failed for want of space into DiskFull; other errors pass."""
    try:
        yield
    except (OSError, WindlassError) as error:
        if is_disk_full(error) and not isinstance(error, DiskFull):
            raise DiskFull(path) from error
        raise


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"number {number}"
