"""Tells the story in some surroundings and compares it with how it goes in plain ones."""

import json
from collections.abc import Callable, Iterator, Sequence

import psycopg

from tests.cli.program import Outcome
from tests.surroundings.commands import Step, normal

Tell = Callable[[str, Step], Outcome]
"""Runs a step on a database."""

_SAID_DONE = ("output-lost",)
"""Refusals that say that the work is done."""
_OF_MANY = {("demo",), ("ingest",), ("sweep",), ("check-files",)}
"""Commands that append more than once: what came before the refusal is done, and running again goes on."""


def compare(
    conninfo: str,
    tell: Callable[[Step], Outcome],
    steps: Sequence[Step],
    expected: Sequence[Outcome],
    refusals: frozenset[str] = frozenset(),
) -> int:
    """Tell the steps; returns how many ended as in ``expected``.

    Each must end so, or with one of ``refusals``: then nothing was appended, unless it says so.

    Args:
        conninfo: superuser's, of the database that the steps work on.
    """
    equal = 0
    with psycopg.connect(conninfo, autocommit=True) as admin:
        for step, plain in zip(steps, expected, strict=True):
            before = head(admin)
            outcome = tell(step)
            told = (step.words, outcome)
            if outcome.code not in (0, 1):
                code = refusal(outcome)
                if (outcome.code, code) != (plain.code, refusal(plain)):
                    assert code in refusals or step.path == ("psql",), told
                assert head(admin) == before or code in _SAID_DONE or step.path in _OF_MANY, told
                equal += outcome.code == plain.code
            elif (plain.code, normal(plain)) == (outcome.code, normal(outcome)):
                equal += 1
            else:
                # What came before it was refused.
                assert refusals, (told, plain)
    return equal


def refusal(outcome: Outcome) -> str | None:
    """The code of the error that was told, None if none was, as by psql."""
    try:
        code: str | None = json.loads(outcome.stderr.splitlines()[-1]).get("error", {}).get("code")
    except (json.JSONDecodeError, IndexError):
        return None
    return code


def head(admin: psycopg.Connection) -> int:
    """The highest sequence."""
    row = admin.execute("SELECT artifactstore.log_head()").fetchone()
    assert row is not None
    found: int = row[0]
    return found


def slices(steps: Sequence[Step], count: int, which: int) -> Iterator[Step]:
    """Every ``count``-th step, beginning with one that ``which`` chooses."""
    yield from steps[which % count :: count]
