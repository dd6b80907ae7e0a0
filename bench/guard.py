"""What ratios were with ``--quick``, to notice when one is far off.

No goals: those hold for the full sizes, on a machine that does nothing else. Ratios of short runs on a busy
one differ by a third from run to run, so only what is worse by half is told.
"""

from collections.abc import Iterable

from bench.figures import Figure

FLOORS: dict[str, float] = {
    "append_one": 0.16,
    "append_16": 0.7,
    "bulk": 0.3,
    "group_append": 1.5,
    "group_append_refusals": 0.6,
    # Against pgbench on a server in memory; where there is none, against psycopg, about 0.3.
    "http_append": 0.08,
    "waiters_append": 0.8,
    "replay": 0.13,
    "replay_one_by_one": 3.5,
    "online_replay": 0.7,
    "verify": 0.8,
    # Of short logs on a busy machine: that several sessions are no loss.
    "replay_jobs": 1.0,
    "verify_jobs": 1.0,
    "feed_json": 0.1,
    "feed_cbor": 0.24,
    "tail": 0.14,
    "old_snapshot": 0.95,
    "growth_append": 1.0,
    "growth_feed": 1.0,
    "store_small": 0.6,
    # Depends on how the machine's sha256sum was built: where it is slow, four times as much.
    "ingest": 1.2,
}
"""Recorded ratios of ``scripts/bench all --quick``, by figure, on a machine that others used too."""


def far_off(figures: Iterable[Figure]) -> list[str]:
    """What is wrong with a ratio: less than half of the recorded one, or more than twice if it is at most."""
    problems = []
    for figure in figures:
        recorded, ratio = FLOORS.get(figure.name), figure.ratio
        if recorded is None or ratio is None:
            continue
        limit = recorded * 2 if figure.at_most else recorded / 2
        if ratio > limit if figure.at_most else ratio < limit:
            problems.append(f"{figure.name}: ratio {ratio:g} is far off the recorded {recorded:g}")
    return problems
