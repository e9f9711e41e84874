"""A group that imports a command's module only when that command is asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A command group whose ``--help`` is instant.

    Parameters
    ----------
    verbs
        Name -> one line of help, in the order shown.
    package
        The command ``a-verb`` is ``command`` of the module ``<package>.a_verb``.
    """

    def __init__(self, *args: Any, verbs: Mapping[str, str], package: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.verbs = verbs
        self.package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Verbs in the order given."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module and return its ``command``."""
        if cmd_name not in self.verbs:
            return None
        module = importlib.import_module(f"{self.package}.{cmd_name.replace('-', '_')}")
        return module.command  # type: ignore[no-any-return]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest verb where the one asked for is unknown."""
        if args and args[0] not in self.verbs and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.verbs, n=1)
            remedy = f"did you mean '{near[0]}'?" if near else f"see '{ctx.command_path} --help'."
            ctx.fail(f"No such command '{args[0]}': {remedy}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.verbs.items()))
