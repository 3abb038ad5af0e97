"""The reference page of the command line, made from the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from windlass.cli.front import SECTIONS, SENTENCE
from windlass.cli.verbs import root

_HEAD = f"""# The command line: windlass

{SENTENCE}

`windlass VERB --help` shows the same as this page.

| exit code | meaning |
|---|---|
| 0 | done; everything is healthy |
| 1 | something is not as it should be: what, and what to do, stands on standard error |
| 2 | wrong usage or a wrong spec; nothing was touched |
| 130 | interrupted |

With `--json` standard output is one document with `"schema": 1`, also when something goes wrong:
then it is `{{"schema": 1, "error": {{"code", "sentence", "next_step"}}}}`, and the error of a wrong
spec has `"problems": [{{"line", "column", "field", "sentence"}}]` as well.

| variable | meaning |
|---|---|
| `WINDLASS_STATE` | the directory of the state instead of `.windlass` beside the spec |
| `WINDLASS_DEBUG` | `1` shows the traceback of a defect instead of writing it to a file |
| `NO_COLOR` | no colours (<https://no-color.org>) |
| `XDG_CACHE_HOME` | where `windlass/` with the chain clients lies, instead of `~/.cache` |
"""


def markdown() -> str:
    """The whole page: a section per verb, those of groups below them."""
    context = click.Context(root(), info_name="windlass")
    lines = [_HEAD]
    for title, verbs in SECTIONS.items():
        lines.append(f"## {title}\n")
        for name in verbs:
            lines += _command(name, context, level=3)
    return "\n".join(lines).rstrip("\n") + "\n"


def _command(name: str, parent: click.Context, level: int) -> Iterator[str]:
    assert isinstance(parent.command, click.Group)
    command = parent.command.get_command(parent, name)
    assert command is not None
    context = click.Context(command, info_name=name, parent=parent)
    yield f"{'#' * level} {context.command_path}\n"
    text, examples = split_help(command)
    yield text + "\n"
    yield f"```\n{context.command_path} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    yield from _options(command, context)
    yield "```console"
    yield from (f"$ {example}" for example in examples)
    yield "```\n"
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            yield from _command(sub, context, level + 1)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    records = [
        record
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option) and "--help" not in parameter.opts
        if (record := parameter.get_help_record(context))
    ]
    if not records:
        return
    yield "| option | meaning |"
    yield "|---|---|"
    for names, meaning in records:
        yield f"| `{names}` | {meaning.replace('|', chr(92) + '|')} |"
    yield ""


def split_help(command: click.Command) -> tuple[str, list[str]]:
    """A command's help in paragraphs, and its examples, one command line each."""
    text = inspect.cleandoc(command.help or "")
    prose, _, examples = text.partition("\b\n")
    lines = [line.strip() for line in examples.splitlines()[1:]]
    paragraphs = [" ".join(one.split()) for one in prose.strip().split("\n\n")]
    return "\n\n".join(paragraphs), [line for line in lines if line]
