"""All benches, by name and by figure."""

from typing import Any

from bench import (
    append_one,
    bulk,
    feed,
    growth,
    http,
    http_append,
    ingest,
    jobs,
    old_snapshot,
    operate,
    pages,
    replay,
    startup,
    stores,
    tail,
    verify,
)
from bench.peers import measure as peers
from bench.plan import Bench

BENCHES: dict[str, Bench[Any]] = {
    "append_one": append_one.BENCH,
    "bulk": bulk.BENCH,
    "http_append": http_append.BENCH,
    "http": http.BENCH,
    "replay": replay.BENCH,
    "verify": verify.BENCH,
    "jobs": jobs.BENCH,
    "operate": operate.BENCH,
    "feed": feed.BENCH,
    "tail": tail.BENCH,
    "old_snapshot": old_snapshot.BENCH,
    "growth": growth.BENCH,
    "pages": pages.BENCH,
    "ingest": ingest.BENCH,
    "stores": stores.BENCH,
    "help": startup.BENCH,
    "peers": peers.BENCH,
}

ALL: tuple[Bench[Any], ...] = (
    # Those that measure memory first, before this process has grown.
    replay.WITH_VERIFY,
    operate.BENCH,
    jobs.BENCH,
    append_one.BENCH,
    bulk.BENCH,
    http.BENCH,
    feed.BENCH,
    tail.BENCH,
    old_snapshot.BENCH,
    growth.BENCH,
    pages.BENCH,
    ingest.BENCH,
    stores.BENCH,
    startup.BENCH,
)
"""What ``all`` runs, in this order: each figure once; not the peers, which come from elsewhere."""


def find(*names: str) -> tuple[tuple[Bench[Any], ...], frozenset[str]]:
    """The benches to run for some names, each once, and the figures that were asked for.

    A name is ``all``, that of a bench, or that of a figure. Raises ``KeyError`` for any other.
    """
    benches: list[Bench[Any]] = []
    figures: set[str] = set()
    for name in names:
        found = ALL if name == "all" else (_one(name),)
        benches += (bench for bench in found if bench not in benches)
        whole = name == "all" or name in BENCHES
        figures.update([name] if not whole else (figure for bench in found for figure in bench.figures))
    return tuple(benches), frozenset(figures)


def _one(name: str) -> Bench[Any]:
    if name in BENCHES:
        return BENCHES[name]
    for bench in BENCHES.values():
        if name in bench.figures:
            return bench
    raise KeyError(name)
