"""The files of workloads: written, mended, put back, deleted, and never what was signed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from windlass.plan.workload import Command, File, Probe, Process, Workload
from windlass.runtimes.local.deleting import delete
from windlass.runtimes.local.errors import NotDeleted, SigningRecordMissing
from windlass.runtimes.local.workload_files import Writer, is_tampered


def workload(tmp_path: Path, *files: File) -> Workload:
    """A workload with these files."""
    command = Command(program="geth", arguments=())
    process = Process(name="geth", command=command, ready=Probe(socket="/s"))
    return Workload(
        network="net", name="v", role="validator", rank=0, directory=str(tmp_path / "v"),
        main="geth", processes=(process,), files=files,
    )  # fmt: skip


def test_files_are_written_with_their_modes(tmp_path: Path) -> None:
    """Secrets 0600, others 0644, whatever the umask; a secret that was opened is closed again."""
    secret = File(path=str(tmp_path / "v" / "deep" / "key"), content=b"k", secret=True)
    public = File(path=str(tmp_path / "v" / "toml"), content=b"t")
    before = os.umask(0o077)
    try:
        Writer().write([workload(tmp_path, secret, public)])
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path(secret.path).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(public.path).stat().st_mode) == 0o644
    Path(secret.path).chmod(0o644)
    Writer().write([workload(tmp_path, secret, public)])
    assert stat.S_IMODE(Path(secret.path).stat().st_mode) == 0o600


def test_file_written_once_is_never_overwritten(tmp_path: Path) -> None:
    """What a validator has signed must not be forgotten; if it is missing, it is made."""
    once = File(path=str(tmp_path / "v" / "state.json"), content=b"new", once=True)
    Writer().write([workload(tmp_path, once)])
    Path(once.path).write_bytes(b"height 7")
    Writer().write([workload(tmp_path, once)])
    assert Path(once.path).read_bytes() == b"height 7"


def test_lost_record_of_signatures_is_not_made_anew(tmp_path: Path) -> None:
    """A validator that has run, by the state or by the databases it left, gets no empty record: it
    could sign two blocks at one height. What has never run gets one."""
    once = File(path=str(tmp_path / "v" / "data" / "record.json"), content=b"new", once=True)
    one = workload(tmp_path, once)
    with pytest.raises(SigningRecordMissing, match=r"record\.json is missing"):
        Writer().write([one], {one.key})
    assert not Path(once.path).parent.exists()
    Writer().write([one])
    Path(once.path).unlink()
    (tmp_path / "v" / "data" / "blockstore.db").mkdir()
    with pytest.raises(SigningRecordMissing):
        Writer().write([one])
    assert not Path(once.path).exists()


def test_tampered_file_is_seen(tmp_path: Path) -> None:
    """A file that is there and differs counts; one that is missing, or that its process writes,
    does not."""
    plain = File(path=str(tmp_path / "v" / "toml"), content=b"plan")
    once = File(path=str(tmp_path / "v" / "record"), content=b"new", once=True)
    one = workload(tmp_path, plain, once)
    assert not is_tampered(one)
    Writer().write([one])
    Path(once.path).write_bytes(b"height 7")
    assert not is_tampered(one)
    Path(plain.path).write_bytes(b"edited")
    assert is_tampered(one)


def test_what_cannot_be_deleted_is_named(tmp_path: Path) -> None:
    """A tree, a file, and nothing at all are gone afterwards; what a link leads to stays; a file
    that nobody may delete is no success."""
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    for path in (tree, tmp_path / "link", tmp_path / "nothing"):
        delete(path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    with pytest.raises(NotDeleted, match="/proc/self/status could not be deleted"):
        delete(Path("/proc/self/status"))  # the kernel lets not even root


def test_undo_puts_back_what_was_replaced(tmp_path: Path) -> None:
    """After a failed change the files are those of the definition that runs."""
    old = File(path=str(tmp_path / "v" / "toml"), content=b"old")
    Writer().write([workload(tmp_path, old)])
    writer = Writer()
    new = File(path=old.path, content=b"new")
    writer.write([workload(tmp_path, new)])
    writer.undo()
    assert Path(old.path).read_bytes() == b"old"
