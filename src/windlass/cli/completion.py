"""`windlass completion`: the script that teaches a shell our verbs."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from windlass.cli.main import COMPLETION_VARIABLE
from windlass.cli.output import say
from windlass.cli.verbs import root


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the completion script of a shell.

    It completes verbs and options, and the names of the networks and nodes that there are.

    \b
    Examples:
      windlass completion bash >> ~/.bashrc
      windlass completion zsh >> ~/.zshrc
      windlass completion fish > ~/.config/fish/completions/windlass.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # click knows all three
    say(kind(root(), {}, "windlass", COMPLETION_VARIABLE).source())
