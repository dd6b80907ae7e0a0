"""Ranges of the log: where they end, and that nothing is missing in them."""

from collections.abc import Iterable, Iterator

from artifactstore.errors import Damaged, error
from artifactstore.store import LogQuery, Row


def unbroken(query: LogQuery, rows: Iterable[Row]) -> Iterator[Row]:
    """The rows; raises ``Damaged`` at a hole, if the filter leaves none."""
    expected = query.since + 1
    for row in rows:
        if query.contiguous and row["sequence"] != expected:
            problem = f"event {expected} is missing, the next is {row['sequence']}"
            raise Damaged("log-damaged", {"problem": problem, "sequence": expected})
        expected = row["sequence"] + 1
        yield row


def page_end(query: LogQuery, head: int) -> int:
    """The last sequence to read; raises ``Refused`` cursor-ahead."""
    if head < query.since:
        raise error("cursor-ahead", {"problem": f"the log ends at {head}", "head": head})
    return query.end(head)
