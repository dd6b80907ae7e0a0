"""Options that several commands have."""

import click

reason = click.option("--reason", required=True, help="Why; it stays in the log.")
optional_reason = click.option("--reason", help="Why; it stays in the log.")
expected = click.option(
    "--expected",
    type=click.IntRange(min=0),
    metavar="SEQUENCE",
    help="Refuse unless the row is still at this version: changed_sequence of a file or location, else "
    "last_sequence.",
)
bypass = click.option(
    "--bypass-governance", is_flag=True, help="Go ahead although governance retention is in force."
)
yes = click.option("--yes", is_flag=True, help="Do not ask.")
