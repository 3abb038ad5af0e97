"""Help: every verb explains itself the same way everywhere, and the front page is quick."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from windlass.cli.front import FIRST_STEPS, VERBS, page
from windlass.cli.reference import markdown, split_help
from windlass.cli.verbs import root

COLUMNS = 80


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every verb and sub-verb with its path."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = dict(commands(root()))


@pytest.mark.parametrize("path", ALL)
def test_every_verb_has_an_example_of_itself(path: str) -> None:
    """The help says what it does in a sentence, and shows a command line that calls it."""
    prose, examples = split_help(ALL[path])
    assert prose.split("\n\n")[0].endswith(".")
    assert examples
    assert all(shlex.split(one)[0] == "windlass" for one in examples)
    assert any(one.startswith(f"windlass {path}") for one in examples)


@pytest.mark.parametrize("path", [path for path, one in ALL.items() if not one.params])
def test_examples_of_groups_are_real(path: str) -> None:
    """What a group shows as an example is one of its sub-verbs."""
    command = ALL[path]
    if isinstance(command, click.Group):
        known = command.list_commands(click.Context(command))
        _, examples = split_help(command)
        assert all(one.split()[2] in known for one in examples)


@pytest.mark.parametrize("path", ALL)
def test_every_option_says_what_it_is(path: str) -> None:
    """No option without a word of help."""
    options = [one for one in ALL[path].params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []


@pytest.mark.parametrize("name", VERBS)
def test_the_front_page_says_what_the_verb_says(name: str) -> None:
    """The table that is shown without importing a verb is not older than the verb."""
    prose, _ = split_help(ALL[name])
    assert VERBS[name].line == prose.split("\n\n")[0]


def test_the_front_page_fits_and_names_every_verb() -> None:
    """It is readable on the classic terminal, and what it tells to run first exists."""
    lines = page().splitlines()
    assert max(map(len, lines)) <= COLUMNS
    for name in VERBS:
        assert any(line.split()[:1] == [name] for line in lines), name
    assert all(step.split()[1] in VERBS for step, _ in FIRST_STEPS)


def test_click_shows_the_same_page() -> None:
    """`windlass --help`, with and without click, is one page."""
    assert root().get_help(click.Context(root(), info_name="windlass")).strip() == page().strip()


LIGHT = """
import sys
sys.stdout.write = lambda text: len(text)
from windlass.cli.main import run
code = run({arguments!r})
heavy = [name for name in {heavy!r} if name in sys.modules]
sys.exit(f"imports {{heavy}}" if heavy else code)
"""


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], ["click", "rich", "msgspec", "ruamel", "sqlite3", "asyncio"]),
        (["run", "bridge", "--help"], ["click", "rich", "ruamel", "sqlite3", "windlass.spec"]),
        (["status", "--help"], ["rich", "ruamel", "windlass.vault", "windlass.plan.plan"]),
        (["spec", "check", "--help"], ["rich", "windlass.vault"]),
    ],
)
def test_help_imports_nothing_heavy(arguments: list[str], heavy: list[str]) -> None:
    """What makes a command slow to answer is not loaded before it is needed."""
    code = LIGHT.format(arguments=arguments, heavy=heavy)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_reference_page_has_every_verb() -> None:
    """What `make docs` writes has a section for each, with its example and all options."""
    text = markdown()
    for path, command in ALL.items():
        assert f" windlass {path}\n" in text
        assert f"$ {split_help(command)[1][0]}\n" in text
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.opts[-1] in text
