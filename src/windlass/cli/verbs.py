"""The command `windlass`: a group whose verbs are imported when they are called."""

from __future__ import annotations

import importlib

import click
from click.shell_completion import CompletionItem

from windlass import __version__
from windlass.cli.front import VERBS, page
from windlass.cli.groups import Group


class Verbs(Group):
    """The verbs of `front.VERBS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        """The verbs in the order in which people meet them."""
        return list(VERBS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's interface
        cmd_name: str,
    ) -> click.Command | None:
        """Imports the verb's module."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"windlass.cli.{VERBS[cmd_name].module}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_help(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's interface
        formatter: click.HelpFormatter,
    ) -> None:
        """The page that is shown without click, too."""
        formatter.write(page())

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Verbs from the table alone: importing all of them would make every Tab slow."""
        verbs = [
            CompletionItem(name, help=verb.line)
            for name, verb in VERBS.items()
            if name.startswith(incomplete)
        ]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]


def root() -> click.Group:
    """The command `windlass`."""

    @click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
    @click.version_option(__version__, prog_name="windlass", message="%(prog)s %(version)s")
    def windlass() -> None:
        pass

    return windlass
