"""`windlass run NAME --help` is enough to write the settings of a program by hand."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import msgspec
import pytest

from windlass.cli.programs import COLUMNS, EXAMPLE_SERVICE, PROGRAMS, page, settings_of, usage
from windlass.programs.registrar.main import SERVICE_VARIABLE, source_of
from windlass.programs.registrar.settings import Settings as RegistrarSettings
from windlass.programs.registrar.sources import DnsSource


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_names_every_setting(name: str) -> None:
    """Each field of the struct is there with its type, its default and a sentence."""
    settings = settings_of(name)
    own = [one for one in settings if "[]" not in one.name]
    struct = importlib.import_module(f"windlass.programs.{name}.settings").Settings
    assert [one.name for one in own] == list(struct.__struct_fields__)
    for one in settings:
        default = "required" if one.default is None else f"default {one.default}"
        assert f"  {one.name}  ({one.type}, {default})\n" in page(name)
        assert one.text.endswith("."), one.name
        assert one.text.split()[0] in page(name)


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_has_an_example_that_is_right(name: str) -> None:
    """The example's settings are what the program would read, and its command line runs it."""
    struct = importlib.import_module(f"windlass.programs.{name}.settings").Settings
    msgspec.convert(PROGRAMS[name].example, struct)
    text = page(name)
    assert text.startswith(f"Usage: {usage(name)}\n")
    shown = text[text.index("\n  {\n") : text.index("\n  }\n") + len("\n  }\n")]
    assert json.loads(shown) == PROGRAMS[name].example
    assert f"\n  windlass run {name} --settings {name}.json\n" in text


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_fits_the_classic_terminal(name: str) -> None:
    """Prose is wrapped; only what is to be copied may be longer."""
    long = [line for line in page(name).splitlines() if len(line) > COLUMNS]
    assert [line for line in long if '"' not in line and "windlass run" not in line] == []


def test_the_registrar_tells_of_its_variable() -> None:
    """BOOTNODE_SERVICE is in its help, with an example, and does what that says."""
    assert SERVICE_VARIABLE in PROGRAMS["registrar"].variables
    command = "windlass run registrar --settings registrar.json"
    assert f"  {SERVICE_VARIABLE}={EXAMPLE_SERVICE} {command}\n" in page("registrar")
    settings = msgspec.convert(PROGRAMS["registrar"].example, RegistrarSettings)
    assert isinstance(source_of(settings, EXAMPLE_SERVICE), DnsSource)


def test_running_a_program_loads_nothing_of_its_help() -> None:
    """What only the help needs does not slow the start of a network."""
    code = (
        "import sys, windlass.cli.programs\n"
        "heavy = ['msgspec', 'click', 'windlass.programs.bridge.settings']\n"
        "sys.exit(str([one for one in heavy if one in sys.modules] or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
