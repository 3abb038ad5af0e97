"""All of a vault as one value: nothing is left out, and nothing of it leads out of a vault."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.spec.load import parse_spec
from windlass.spec.models import Network
from windlass.vault import export, listing
from windlass.vault.errors import VaultCorrupt, VaultError, VaultExposed, VaultNewer
from windlass.vault.export import Content, File, Port
from windlass.vault.export_errors import ExportNewer, NoKeys, NotAnExport
from windlass.vault.vault import Vault

SPEC = """\
name: a
networks:
  trade: {family: ethereum, chain_id: 20261, validators: 2,
          genesis: {accounts: [{name: treasury, balance: 5 ether}]}}
  lab: {family: ethereum, chain_id: 20262, consensus: solo, nodes: 1}
"""
PATH = Path("trade.keys")
MARK = File(path="vault.json", content=b'{"schema":1}')


def networks() -> dict[str, Network]:
    """A bft and a solo network."""
    return parse_spec(SPEC, "f").networks


def made(directory: Path) -> Path:
    """A vault with both networks in it."""
    for name, network in networks().items():
        Vault(directory).identities(name, network)
    return directory


def content(*files: File, **fields: Any) -> Content:
    """What an export with these files holds."""
    return Content(made=1.0, release="0", files=[MARK, *files], **fields)


def tree(directory: Path) -> dict[str, bytes]:
    """Every file but the note, by relative path."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and path.name != "exported.json"
    }


def test_all_comes_back(tmp_path: Path) -> None:
    """Every byte of every file, closed to others; and the keys are those that there were."""
    vault = made(tmp_path / "vault")
    Vault(vault).accounts("trade").new("shop")
    whole = content_of(vault)
    back = export.decode(PATH, msgspec.json.encode(whole))
    keys = export.unpack(back, tmp_path / "back", PATH)
    assert tree(tmp_path / "back") == tree(vault)
    for name, network in networks().items():
        assert keys[name] == Vault(tmp_path / "back").identities(name, network)
        assert keys[name].identities == Vault(vault).identities(name, network).identities
    for path in (tmp_path / "back").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert export.standing(tmp_path / "back") == "current"


def content_of(vault: Path) -> Content:
    """An export of that vault, without the rest."""
    return Content(made=1.0, release="0", files=export.collect(vault))


def test_what_a_later_release_puts_there_is_exported(tmp_path: Path) -> None:
    """Files and directories that this release knows nothing of travel, too."""
    vault = made(tmp_path / "vault")
    (vault / "trade/gateway").mkdir(mode=0o700)
    for name in ("trade/gateway/token hash", "later.json"):
        (vault / name).write_bytes(b"later")
        (vault / name).chmod(0o600)
    export.unpack(content_of(vault), tmp_path / "back", PATH)
    assert (tmp_path / "back/trade/gateway/token hash").read_bytes() == b"later"
    assert (tmp_path / "back/later.json").read_bytes() == b"later"


def test_what_a_crash_left_is_not_exported(tmp_path: Path) -> None:
    """Nor is any hidden file, nor the vault's own note."""
    vault = made(tmp_path / "vault")
    before = export.collect(vault)
    for name in (".vault.json.0a.tmp", "trade/.identities.json.0b.tmp"):
        (vault / name).write_bytes(b"half a secret")
    export.note_export(vault, before, 1.0)
    assert export.collect(vault) == before


def test_the_vault_knows_whether_all_is_exported(tmp_path: Path) -> None:
    """Never, all of it, no more after a key was made, and again after the next export."""
    vault = tmp_path / "vault"
    assert export.standing(vault) == "none"
    made(vault)
    assert export.standing(vault) == "never"
    export.note_export(vault, export.collect(vault), 1.0)
    assert export.standing(vault) == "current"
    Vault(vault).accounts("trade").new("shop")
    assert export.standing(vault) == "stale"
    export.note_export(vault, export.collect(vault), 2.0)
    assert export.standing(vault) == "current"
    note = export.noted(vault)
    assert note is not None
    assert note.at == 2.0


@pytest.mark.parametrize("text", ["", "{", '{"schema": 9}', '{"schema": 1, "at": "then"}'])
def test_a_note_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    """A damaged note asks for another export and breaks nothing."""
    vault = made(tmp_path / "vault")
    (vault / "exported.json").write_text(text)
    (vault / "exported.json").chmod(0o600)
    assert export.standing(vault) == "never"


def test_the_digest_tells_paths_and_contents_apart() -> None:
    """Where one file ends and the next begins is part of it; their order is not."""
    one, two = File(path="a", content=b"bc"), File(path="ab", content=b"c")
    assert len({export.digest(each) for each in ([one], [two], [one, two], [])}) == 4
    assert export.digest([one, two]) == export.digest([two, one])


def test_without_keys_there_is_nothing_to_export(tmp_path: Path) -> None:
    """No directory, an empty one, and one with nothing but the mark."""
    with pytest.raises(NoKeys):
        export.collect(tmp_path / "none")
    (tmp_path / "empty").mkdir(mode=0o700)
    with pytest.raises(NoKeys):
        export.collect(tmp_path / "empty")


def test_a_vault_that_is_open_to_others_is_not_exported(tmp_path: Path) -> None:
    """Somebody may have read it: that is said first."""
    vault = made(tmp_path / "vault")
    (vault / "trade/passphrase").chmod(0o644)
    with pytest.raises(VaultExposed):
        export.collect(vault)


def test_a_newer_vault_is_not_exported(tmp_path: Path) -> None:
    """What it means this release can't know."""
    vault = made(tmp_path / "vault")
    (vault / "vault.json").write_text('{"schema": 9}')
    with pytest.raises(VaultNewer):
        export.collect(vault)


@pytest.mark.parametrize("kind", ["link", "fifo", "deep", "name"])
def test_what_an_export_cannot_hold_is_refused(tmp_path: Path, kind: str) -> None:
    """Half an export would be called one: better none, and the file's name."""
    vault = made(tmp_path / "vault")
    strange = vault / "trade" / "strange"
    if kind == "link":
        strange.symlink_to("/etc/hostname")
    elif kind == "fifo":
        os.mkfifo(strange, 0o600)
    elif kind == "deep":
        for _ in range(9):
            strange /= "d"
        strange.mkdir(parents=True)
        for path in (vault / "trade").rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
    else:
        (vault / "trade" / "a\nb").write_bytes(b"")
    with pytest.raises(VaultCorrupt):
        export.collect(vault)


def test_a_vault_too_large_for_an_export_is_refused(tmp_path: Path) -> None:
    """Not after its first half was written."""
    vault = made(tmp_path / "vault")
    for number in range(5):
        path = vault / f"large-{number}"
        path.write_bytes(bytes(15 << 20))
        path.chmod(0o600)
    with pytest.raises(VaultError, match="larger"):
        export.collect(vault)


@pytest.mark.parametrize(
    "path",
    [
        "../outside",
        "trade/../../outside",
        "/etc/passwd",
        "//etc/passwd",
        "",
        ".",
        "..",
        "./vault.json",
        "trade//key",
        "trade/",
        "trade/.hidden",
        "a\0b",
        "a\nb",
        "x" * 300,
        "/".join("abcdefghi"),
        "vault.json/key",
        "vault.json",
        "exported.json",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str, tmp_path: Path) -> None:
    """Whoever knows the passphrase may still mean harm."""
    with pytest.raises(NotAnExport):
        export.decode(PATH, msgspec.json.encode(content(File(path=path, content=b"x"))))


@given(st.lists(st.text("abc./\\\0 é", max_size=12), max_size=4))
def test_no_path_that_is_taken_leads_elsewhere(paths: list[str]) -> None:
    """What passes stays below the directory, and each has a place of its own."""
    files = [File(path=path, content=b"x") for path in paths]
    try:
        whole = export.decode(PATH, msgspec.json.encode(content(*files)))
    except NotAnExport:
        return
    base = "/base/vault"
    places = [os.path.normpath(os.path.join(base, one.path)) for one in whole.files]  # noqa: PTH118 - as a kernel would
    assert all(place.startswith(base + "/") for place in places)
    assert len(set(places)) == len(places)


@pytest.mark.parametrize(
    "fields",
    [
        {"spec": bytes(2 << 20)},
        {"ports": [Port(network="a", workload="b", name="c", number=0)]},
        {"ports": [Port(network="a", workload="b", name="c", number=70_000)]},
        {"ports": [Port(network="a", workload="b", name=name, number=9) for name in "cd"]},
        {"ports": [Port(network="a", workload="b", name="c", number=number) for number in (8, 9)]},
    ],
    ids=["spec", "no-port", "large-port", "port-twice", "owner-twice"],
)
def test_what_no_export_holds_is_refused(fields: dict[str, Any]) -> None:
    """Numbers that the state can't keep, and a spec that nobody reads."""
    with pytest.raises(NotAnExport):
        export.decode(PATH, msgspec.json.encode(content(**fields)))


@given(st.binary(max_size=100))
def test_any_other_content_is_refused_without_a_word_of_it(raw: bytes) -> None:
    """The reason could show a part of a key."""
    with pytest.raises(NotAnExport) as refused:
        export.decode(PATH, raw + b"\xff")
    assert "holds is not" in refused.value.sentence


def test_content_of_a_newer_release_is_refused() -> None:
    """By its number, before its fields are looked at."""
    with pytest.raises(ExportNewer):
        export.decode(PATH, b'{"schema": 2, "files": "elsewhere"}')


def test_keys_that_are_damaged_make_no_vault(tmp_path: Path) -> None:
    """An export of a vault that was broken then is told from a good one at once."""
    files = [
        File(path="trade/identities.json", content=b'{"schema": 1, "identities": {"a": 1}}'),
    ]
    with pytest.raises(NotAnExport, match="can't be used"):
        export.unpack(content(*files), tmp_path / "back", PATH)


def test_the_list_of_keys_shows_no_secret(tmp_path: Path) -> None:
    """Every identity and account is there with its public part, and nothing that is secret."""
    vault = made(tmp_path / "vault")
    rows = listing.rows(vault)
    text = msgspec.json.encode(rows).decode()
    for name, network in networks().items():
        keys = Vault(vault).identities(name, network)
        for owner, identity in keys.identities.items():
            assert any((row.network, row.owner) == (name, owner) for row in rows)
            secrets = [value for value in msgspec.structs.asdict(identity).values() if value]
            assert not any(secret in text for secret in secrets)
    kinds = {row.kind: row.public for row in rows if row.owner in ("validator-0", "treasury")}
    keys = Vault(vault).identities("trade", networks()["trade"])
    assert kinds == {
        "enode": keys.enode("validator-0", "h", 1)[8:136],
        "validator": keys.validator_key("validator-0").address,
        "cometbft-node": keys.cometbft_node_key("validator-0").id,
        "fees": keys.fee_recipient("validator-0"),
        "jwt": None,
        "account": keys.accounts[0].address,
    }
