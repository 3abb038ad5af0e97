"""Groups of commands that name the nearest one when there is none of that name."""

from __future__ import annotations

import difflib

import click


class Group(click.Group):
    """click's group, with a suggestion."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does. Raises click.UsageError that names the nearest verb."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], known, n=1)
            hint = f"Did you mean `{ctx.command_path} {near[0]}`?" if near else self._hint(known)
            ctx.fail(f"There is no verb {args[0]!r}. {hint}")
        return super().resolve_command(ctx, args)

    def _hint(self, known: list[str]) -> str:
        return f"There is: {', '.join(known)}."
