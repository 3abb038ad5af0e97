"""A vault whose making was cut off, or had no room: nothing that was made is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vault.examples import contents, network
from windlass.kit.files import FileError
from windlass.vault.files import write_secret
from windlass.vault.vault import Vault


class CutError(Exception):
    """The power went out."""


def cut_at(writes: int, *, after: bool) -> Callable[[Path, bytes], None]:
    """Writes as the vault does until the given write, which fails before or after it happened."""
    done = 0

    def write(path: Path, content: bytes) -> None:
        nonlocal done
        done += 1
        if done == writes and not after:
            path.with_name(f".{path.name}.0.tmp").write_bytes(content[:10])
            raise CutError
        write_secret(path, content)
        if done == writes:
            raise CutError

    return write


EVERYTHING = "genesis: {accounts: [{name: a, balance: 1 wei}, {name: b, balance: 2 wei}]}"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("writes", range(1, 8))
def test_a_crash_between_any_two_files_is_harmless(
    tmp_path: Path, writes: int, *, after: bool
) -> None:
    """The next start completes the vault and keeps every file that was already there."""
    with pytest.raises(CutError):
        Vault(tmp_path, write=cut_at(writes, after=after)).identities("trade", network(EVERYTHING))
    left = {name: content for name, content in contents(tmp_path).items() if "tmp" not in name}
    keys = Vault(tmp_path).identities("trade", network(EVERYTHING))
    complete = contents(tmp_path)

    assert len(left) == writes - (not after)
    assert {name: complete[name] for name in left} == left
    assert len(complete) == 7  # the mark, identities, secrets, passphrase, two keystores, genesis
    assert not [name for name in complete if name.endswith(".tmp")]
    assert Vault(tmp_path).identities("trade", network(EVERYTHING)) == keys


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """A write that fails gives the file and a next step; the next try goes on from there."""

    def full(path: Path, _content: bytes) -> None:
        raise FileError(path, f"{path} cannot be written: No space left on device.", "Make room.")

    with pytest.raises(FileError, match="No space left"):
        Vault(tmp_path, write=full).identities("trade", network())

    assert Vault(tmp_path).identities("trade", network()).identities
