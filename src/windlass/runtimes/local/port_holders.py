"""Who holds a port: what /proc tells about sockets and the processes that have them open."""

from __future__ import annotations

import pwd

from windlass.runtimes.local import process_table

TCP_LISTEN = "0A"  # include/net/tcp_states.h
FILES = {"tcp": ("tcp", "tcp6"), "udp": ("udp", "udp6"), "both": ("tcp", "tcp6", "udp", "udp6")}


def is_held(number: int, protocol: str) -> bool:
    """Whether anybody listens there."""
    return bool(_sockets(number, protocol))


def holder_pid(number: int, protocol: str) -> int | None:
    """The process that listens there, if the kernel lets us see it."""
    inodes = {inode for inode, _ in _sockets(number, protocol)}
    return _owner_of(inodes) if inodes else None


def describe(number: int, protocol: str) -> str:
    """Who holds the port, as far as it can be seen, as the end of a sentence."""
    sockets = _sockets(number, protocol)
    pid = _owner_of({inode for inode, _ in sockets}) if sockets else None
    if pid is not None:
        return f"process {pid} (`{process_table.command_line(pid) or 'unknown command'}`)"
    for _, user in sockets:
        return f"a process of the user {_user_name(user)}"
    return "another program"


def _sockets(number: int, protocol: str) -> list[tuple[str, int]]:
    """Inode and user of every socket that is bound to the port, proc(5) net/tcp."""
    found = []
    for name in FILES[protocol]:
        try:
            lines = (process_table.PROC / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            port = int(fields[1].rpartition(":")[2], 16)
            if port == number and (fields[3] == TCP_LISTEN or name.startswith("udp")):
                found.append((fields[9], int(fields[7])))
    return found


def _owner_of(inodes: set[str]) -> int | None:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for pid in process_table.pids():
        try:
            names = [one.name for one in (process_table.PROC / str(pid) / "fd").iterdir()]
        except OSError:  # not ours to look into, or gone meanwhile
            continue
        if any(_target(pid, name) in wanted for name in names):
            return pid
    return None


def _target(pid: int, name: str) -> str:
    try:
        return str((process_table.PROC / str(pid) / "fd" / name).readlink())
    except OSError:
        return ""


def _user_name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
