"""All verbs and what they do in a line, without importing any of them."""

from __future__ import annotations

import importlib
from typing import Any

import click

from windlass import __version__

VERBS: dict[str, tuple[str, str]] = {
    "init": ("spec", "Write a commented windlass.yaml to start from."),
    "spec": ("spec", "Check a spec, or print its JSON Schema."),
    "plan": ("plan", "Show what would run: every process, file and port."),
    "up": ("up", "Make the spec true: start what is missing, apply what changed."),
    "status": ("status", "Show what runs and how it is."),
    "doctor": ("doctor", "Say why a network makes no blocks or a node has no peers."),
    "logs": ("logs", "Show what the programs wrote."),
    "start": ("nodes", "Start a node that was stopped."),
    "stop": ("nodes", "Stop a node; it stays stopped until `start` or `up`."),
    "restart": ("nodes", "Stop a node in order and start it again."),
    "scale": ("nodes", "Run more or fewer nodes in a network."),
    "down": ("down", "Stop everything; with --purge delete its data, too."),
    "accounts": ("accounts", "List, make and import a network's accounts."),
    "fund": ("send", "Give an address money from the first genesis account."),
    "send": ("send", "Send money and wait until it is final."),
    "binaries": ("binaries", "Find, build, check and remove the chain clients."),
    "run": ("run", "Run one of Windlass's own programs in the foreground."),
    "completion": ("completion", "Print the completion script of a shell."),
}
"""Verb → the module of this package that has it, and its line in `windlass --help`."""

HELP = """Run a private blockchain, and the business on top of it, from one file.

\b
  windlass init           write windlass.yaml
  windlass up --detach    start its networks and say what is where
  windlass status         see how they are
  windlass down           stop them
"""


class Verbs(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, _: click.Context) -> list[str]:
        """The verbs in the order in which people meet them."""
        return list(VERBS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the verb's module."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"windlass.cli.{VERBS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_") + "_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, naming the nearest verb when there is none of that name."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            ctx.fail(f"There is no verb {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of verbs, from their lines alone."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, line) for name, (_, line) in VERBS.items()])


def root() -> click.Group:
    """The command `windlass`."""

    @click.group(cls=Verbs, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
    @click.version_option(__version__, prog_name="windlass")
    def windlass(**_: Any) -> None:
        pass

    return windlass
