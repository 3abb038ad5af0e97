"""Files as they come: missing, unreadable, broken, hostile. Each refusal names the place."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.spec.document import BYTES_MAX, Mapping, Scalar, Sequence, parse, read_text
from windlass.spec.errors import SpecError, SpecUnreadable
from windlass.spec.load import parse_spec


def refusal(text: str) -> str:
    """Why there is no tree of this text."""
    with pytest.raises(SpecError) as error:
        parse(text, "f.yaml")
    return error.value.sentence


def read_or_refused(text: str) -> bool:
    """Whether a text is a spec, or is refused with a place; anything else escapes."""
    try:
        parse_spec(text, "f")
    except SpecError as error:
        return error.sentence.startswith("f:")
    return True


def test_every_node_knows_its_place() -> None:
    """Lines and columns count from 1, as editors do, in block and in flow style."""
    root, problems = parse("a:\n  - one\n  - {b: 'two'}\n", "f")

    assert problems == []
    assert isinstance(root, Mapping)
    (key, items), *_ = root.entries
    assert (key.line, key.column) == (1, 1)
    assert isinstance(items, Sequence)
    first, second = items.items
    assert (first.line, first.column) == (2, 5)
    assert isinstance(second, Mapping)
    value = second.entries[0][1]
    assert isinstance(value, Scalar)
    assert (value.line, value.column, value.text, value.plain) == (3, 9, "two", False)


@pytest.mark.parametrize("text", ["no", "1.10", "0x10", "1_000", "2026-11-21", "1e3", "0o7", "NaN"])
def test_scalars_stay_as_written(text: str) -> None:
    """Nothing is guessed: a version, a name or an address comes out as it went in."""
    root, _ = parse(f"a: {text}", "f")

    assert isinstance(root, Mapping)
    value = root.entries[0][1]
    assert isinstance(value, Scalar)
    assert value.text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "f.yaml:1:1: the file holds nothing"),
        ("# only a comment\n", "f.yaml:1:1: the file holds nothing"),
        ("---\n...\n", "f.yaml:1:1: the file holds nothing"),
        ("a:\n\t- b\n", "f.yaml:2:1: a tab is used for indentation"),
        ("a: 1\n  b: 2\n", "f.yaml:2:4: not YAML"),
        ("a: [1, 2\n", "f.yaml:2:1: not YAML"),
        ("a: 'open\n", "f.yaml:2:1: not YAML"),
        ("a: \x01", "f.yaml:1:4: character U+0001"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document"),
        ("a: !!python/object:os.system x\n", "f.yaml:1:4: the tag"),
        ("a: !custom x\n", "f.yaml:1:4: the tag"),
        ("a: *nowhere\n", "f.yaml:1:4: *nowhere stands for nothing"),
        ("a: &x [*x]\n", "f.yaml:1:8: *x stands for nothing"),
        ("[" * 100_000, "f.yaml:1:22: nested more than 20"),
        ("- " * 50_000, "f.yaml:1:43: nested more than 20"),
        ("%YAML 9.9\n---\na: 1\n", "f.yaml:1:"),
    ],
)
def test_broken_text_is_refused_with_its_place(text: str, expected: str) -> None:
    """What is no tree is refused in a sentence that begins with file:line:column."""
    assert refusal(text).startswith(expected)


def test_duplicate_keys_name_the_first() -> None:
    """A field that is there twice is a problem at the second place that names the first."""
    _, problems = parse("a: 1\nb: 2\na: 3\n", "f")

    assert [problem.located("f") for problem in problems] == [
        "f:3:1: 'a' is already there in line 1; keep one"
    ]


def test_aliases_stand_for_what_they_name() -> None:
    """Anchors work, since people use them for what several networks share."""
    root, _ = parse("a: &shared {x: 1}\nb: *shared\n", "f")

    assert isinstance(root, Mapping)
    assert root.entries[0][1] == root.entries[1][1]


def test_a_billion_laughs_stay_small() -> None:
    """Aliases count with all that they stand for, so a bomb is refused before it goes off."""
    lines = ["a0: &a0 [l, l, l, l, l, l, l, l, l]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]

    assert "more than 20000 values" in refusal("\n".join(lines))


def test_many_values_are_refused() -> None:
    """A long list is refused when it gets too long, not after it was read."""
    assert "more than 20000 values" in refusal("[" + "a," * 60_000 + "]")


@given(st.text(max_size=400))
def test_no_text_does_worse_than_a_refusal(text: str) -> None:
    """Whatever the file says, it is read or refused; nothing else ever comes out."""
    assert read_or_refused(text)


YAMLISH = st.lists(
    st.sampled_from(
        [*"[]{},'\"#|>!%?~1a\t\n", ": ", "  ", "- ", "&x ", "*x", "---", "<<", "name", "networks"]
    ),
    max_size=60,
).map("".join)


@given(YAMLISH)
def test_no_yaml_does_worse_than_a_refusal(text: str) -> None:
    """The same for text that is nearly YAML."""
    assert read_or_refused(text)


def test_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    """Without a file the next step is `windlass init`."""
    with pytest.raises(SpecUnreadable, match="windlass init"):
        read_text(tmp_path / "windlass.yaml")


def test_directory_is_refused(tmp_path: Path) -> None:
    """A directory in place of the file is named as such."""
    with pytest.raises(SpecUnreadable, match="is a directory"):
        read_text(tmp_path)


def test_a_file_as_a_folder_is_refused(tmp_path: Path) -> None:
    """A path through a file has a reason, not a traceback."""
    (tmp_path / "file").write_text("a")

    with pytest.raises(SpecUnreadable, match="can't be read"):
        read_text(tmp_path / "file" / "windlass.yaml")


def test_a_name_that_no_file_can_have_is_refused() -> None:
    """A NUL in the path has a reason, not a traceback."""
    with pytest.raises(SpecUnreadable, match="can't be read"):
        read_text(Path("a\0b"))


def test_unreadable_file_is_refused(tmp_path: Path) -> None:
    """A file that the system can't open has the system's reason (a link to itself, here)."""
    path = tmp_path / "windlass.yaml"
    path.symlink_to(path)

    with pytest.raises(SpecUnreadable, match="symbolic links"):
        read_text(path)


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    """A FIFO that nobody writes to is not waited for, a socket and a device are not touched."""
    fifo, link, listening = tmp_path / "fifo", tmp_path / "link", tmp_path / "socket"
    os.mkfifo(fifo)
    link.symlink_to(fifo)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(listening))
        for path in (fifo, link, listening, Path("/dev/zero")):
            with pytest.raises(SpecUnreadable, match="no regular file"):
                read_text(path)


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    """What a link leads to is what counts."""
    (tmp_path / "real.yaml").write_text("name: a\n")
    (tmp_path / "windlass.yaml").symlink_to("real.yaml")

    assert read_text(tmp_path / "windlass.yaml") == "name: a\n"


def test_too_large_a_file_is_refused(tmp_path: Path) -> None:
    """More than a megabyte is not even looked at."""
    path = tmp_path / "windlass.yaml"
    path.write_bytes(b"#" * (BYTES_MAX + 1))

    with pytest.raises(SpecUnreadable, match="1 MiB"):
        read_text(path)


def test_other_encodings_name_the_byte(tmp_path: Path) -> None:
    """The first byte that is no UTF-8 is located."""
    path = tmp_path / "windlass.yaml"
    path.write_bytes("name: a\n# h\xe4fen\n".encode("latin-1"))

    with pytest.raises(SpecError) as error:
        read_text(path)

    assert error.value.sentence == f"{path}:2:4: byte 0xe4 is no UTF-8; save the file as UTF-8"


def test_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    """What some editors put in front of UTF-8 does no harm."""
    path = tmp_path / "windlass.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: a\n")

    assert read_text(path) == "name: a\n"
