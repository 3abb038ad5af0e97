"""`windlass completion`: the script that teaches a shell our verbs."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from windlass.cli.output import say
from windlass.cli.verbs import root


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      windlass completion bash >> ~/.bashrc
      windlass completion fish > ~/.config/fish/completions/windlass.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # click knows all three
    say(kind(root(), {}, "windlass", "_WINDLASS_COMPLETE").source())
