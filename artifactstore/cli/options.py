"""Options that several commands have."""

from typing import Any

import click

_MAX_INTEGER = 2**53 - 1
"""As ``codec.MAX_INTEGER``, which takes a while to import."""
_MAX_DIGITS = 20


class Number(click.IntRange):
    """An integer of the log: from ``low``, to ``high`` or to 2^53 - 1."""

    def __init__(self, low: int, high: int | None = None) -> None:
        super().__init__(low, high)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """See click; a text of many digits is not read first."""
        if isinstance(value, str) and len(value) > _MAX_DIGITS:
            self.fail(f"{value[:_MAX_DIGITS]!r}… is no number up to 2^53 - 1", param, ctx)
        number: int = super().convert(value, param, ctx)
        if number > _MAX_INTEGER:
            self.fail(f"{number} is more than 2^53 - 1, which is {_MAX_INTEGER}", param, ctx)
        return number


reason = click.option("--reason", required=True, help="Why; it stays in the log.")
optional_reason = click.option("--reason", help="Why; it stays in the log.")
expected = click.option(
    "--expected",
    type=Number(0),
    metavar="SEQUENCE",
    help="Refuse unless the row is still at this version: changed_sequence of a file or location, else "
    "last_sequence.",
)
bypass = click.option(
    "--bypass-governance", is_flag=True, help="Go ahead although governance retention is in force."
)
jobs = click.option(
    "--jobs",
    type=Number(1, 64),
    metavar="N",
    help="Sessions that fold the log side by side, each the events of its packages. Default: the cores of "
    "this machine, 8 at most.",
)
yes = click.option("--yes", is_flag=True, help="Do not ask.")
