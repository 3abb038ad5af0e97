"""Files are whole or absent, have the mode they were asked for, and are read with suspicion."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
import pytest

from windlass.kit.files import (
    FileError,
    ensure_directory,
    move_directory,
    read_bytes,
    read_hex,
    read_json,
    read_regular,
    write_atomically,
    write_new,
)
from windlass.kit.settings import SettingsError, load


class Thing(msgspec.Struct, forbid_unknown_fields=True):
    number: int


@pytest.mark.parametrize(("secret", "mode"), [(True, 0o600), (False, 0o644)])
@pytest.mark.parametrize("umask", [0, 0o077])
def test_mode_is_exact(tmp_path: Path, secret: bool, mode: int, umask: int) -> None:
    """The mode is the same whatever the umask is, also when the file was there with another."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o666)
    before = os.umask(umask)
    try:
        write_atomically(path, b"new", secret=secret)
    finally:
        os.umask(before)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    """If the new content cannot be put in place, the old is there and nothing else is."""
    path = tmp_path / "file"
    path.mkdir()
    with pytest.raises(FileError, match="cannot be written"):
        write_atomically(path, b"new", secret=False)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    with pytest.raises(FileError):
        write_atomically(tmp_path / "missing" / "file", b"new", secret=False)


def test_write_follows_no_link_left_at_the_temporary_name(tmp_path: Path) -> None:
    """The file replaces a symbolic link instead of writing through it."""
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    (tmp_path / "link").symlink_to(target)
    write_atomically(tmp_path / "link", b"new", secret=True)
    assert target.read_bytes() == b"mine"


def test_reading_is_bounded(tmp_path: Path) -> None:
    """A file that grew is refused rather than loaded."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 11)
    assert len(read_bytes(path, bytes_max=11)) == 11
    with pytest.raises(FileError, match="larger than the 10 bytes"):
        read_bytes(path, bytes_max=10)


@pytest.mark.parametrize("content", [b"", b"[", b'{"number":"1"}', b'{"number":1,"x":2}', b"\xff"])
def test_wrong_json(tmp_path: Path, content: bytes) -> None:
    """Whatever is in the file, the error names it."""
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"file\.json does not hold"):
        read_json(path, Thing)
    with pytest.raises(SettingsError, match=r"file\.json are wrong"):
        load(path, Thing)


def test_settings(tmp_path: Path) -> None:
    """Settings come as their type; a missing file is wrong usage, exit code 2."""
    path = tmp_path / "file.json"
    path.write_bytes(b'{"number":1}')
    assert load(path, Thing) == Thing(1)
    with pytest.raises(SettingsError, match="No such file") as caught:
        load(tmp_path / "none", Thing)
    assert caught.value.exit_code == 2


def test_hex_files(tmp_path: Path) -> None:
    """Keys are read with or without 0x and a newline; an error never shows what is in there."""
    path = tmp_path / "key"
    for text in ("ab" * 32, "0x" + "ab" * 32 + "\n"):
        path.write_text(text)
        assert read_hex(path, length=32) == b"\xab" * 32
    for wrong in ("ab" * 31, "ab" * 33, "xy" * 32, "ab " * 32, ""):
        path.write_text(wrong)
        with pytest.raises(FileError) as caught:
            read_hex(path, length=32)
        assert not wrong or wrong not in str(caught.value)


def test_directories(tmp_path: Path) -> None:
    """A directory is made with all above it, private by default; a file in its place is refused."""
    ensure_directory(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    ensure_directory(tmp_path / "a" / "b")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileError, match="cannot be made"):
        ensure_directory(tmp_path / "file")


def test_a_new_file_replaces_nothing(tmp_path: Path) -> None:
    """Neither a file nor a link; what was there stays, and nothing is left beside it."""
    path, link = tmp_path / "file", tmp_path / "link"
    write_new(path, b"first", secret=True)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"first", 0o600)
    link.symlink_to("nowhere")
    for taken in (path, link):
        with pytest.raises(FileExistsError):
            write_new(taken, b"second", secret=True)
    assert path.read_bytes() == b"first"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "link"]
    with pytest.raises(FileError, match="cannot be written"):
        write_new(tmp_path / "missing" / "file", b"x", secret=False)


def test_a_directory_gets_its_name_at_once_or_not(tmp_path: Path) -> None:
    """Nothing that is there under the name is lost."""
    for name in ("source", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "inside").write_text(name)
    with pytest.raises(FileError, match="other"):
        move_directory(tmp_path / "source", tmp_path / "other")
    assert (tmp_path / "other/inside").read_text() == "other"
    move_directory(tmp_path / "source", tmp_path / "target")
    assert (tmp_path / "target/inside").read_text() == "source"


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe that nobody writes into, a directory, a device; and one that is too large."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (fifo, tmp_path, Path("/dev/zero"), tmp_path / "missing"):
        with pytest.raises(FileError):
            read_regular(path, bytes_max=10)
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    path.chmod(0o640)
    assert read_regular(path, bytes_max=10) == (b"x" * 10, 0o640)
    with pytest.raises(FileError, match="larger"):
        read_regular(path, bytes_max=9)
