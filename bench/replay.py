"""How fast the log becomes the views again.

replay             all views from the whole log with SQL replay(); baseline: the log itself copied
                   (INSERT … SELECT) into a table with the same indexes
replay_one_by_one  the first events in the usual ranges; baseline: the same function, project(), called
                   with ranges of one event, in one transaction
replay_worst_case  one package whose files are added and removed in turn: no two events can be folded together
replay_memory      peak resident memory of this client and of the server's process for it together, shared
                   buffers included
"""

from collections.abc import Callable
from time import perf_counter

import psycopg

from bench.database import Server, load, peak_megabytes, scratch_database
from bench.figures import Figure, interleaved
from bench.workload import realistic, worst_case

DEFAULT_EVENTS = 200_000
ROUNDS = 3
ONE_BY_ONE_EVENTS = 20_000
WORST_CASE_EVENTS = 10_000
REPLAY_GOAL = 0.15
ONE_BY_ONE_GOAL = 4.0
MEMORY_GOAL = 300.0

_IN_RANGES = b"SELECT artifactstore.project_ranges('artifactstore', 1, %s)"
_ONE_BY_ONE = b"SELECT count(artifactstore.project(n, n)) FROM generate_series(1, %s) AS n"

_SETTINGS = """
    SELECT set_config(split_part(setting, '=', 1), split_part(setting, '=', 2), true)
    FROM pg_proc, unnest(proconfig) AS setting
    WHERE oid = 'artifactstore.project_ranges(text, bigint, bigint)'::regprocedure
"""

Say = Callable[[str], None]


def measure(server: Server, events: int, say: Say) -> list[Figure]:
    """The figures, from logs of ``events`` events and shorter ones where said."""
    with (
        scratch_database(server.conninfo) as conninfo,
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        say(f"writing a log of {events:,} events")
        load(connection, realistic(events))
        say(f"copying the log and replaying it, {ROUNDS} times in turn")
        peaks: list[float] = []
        copying, replaying = interleaved(
            ROUNDS, lambda: _seconds_to_copy(conninfo), lambda: _seconds_to_replay(conninfo, server, peaks)
        )
        few = min(events, ONE_BY_ONE_EVENTS)
        say(f"projecting {few:,} events in ranges and one by one")
        in_ranges, one_by_one = interleaved(
            ROUNDS,
            lambda: _seconds_to_project(connection, few, _IN_RANGES),
            lambda: _seconds_to_project(connection, few, _ONE_BY_ONE),
        )
    with (
        scratch_database(server.conninfo) as conninfo,
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        worst = min(events, WORST_CASE_EVENTS)
        say(f"replaying the worst case, {worst:,} events")
        load(connection, worst_case(worst))
        (worst_replaying,) = interleaved(ROUNDS, lambda: _seconds_to_replay(conninfo, server, []))
    figures = [
        Figure("replay", events / replaying, "events/s", events / copying, REPLAY_GOAL),
        Figure("replay_one_by_one", few / in_ranges, "events/s", few / one_by_one, ONE_BY_ONE_GOAL),
        Figure("replay_worst_case", worst / worst_replaying, "events/s"),
    ]
    if peaks:
        figures.append(Figure("replay_memory", max(peaks), "MB", goal=MEMORY_GOAL))
    return figures


def _seconds_to_copy(conninfo: str) -> float:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.copy (LIKE artifactstore.events INCLUDING INDEXES)")
        started = perf_counter()
        connection.execute("INSERT INTO public.copy SELECT * FROM artifactstore.events")
        seconds = perf_counter() - started
        connection.execute("DROP TABLE public.copy")
    return seconds


def _seconds_to_replay(conninfo: str, server: Server, peaks: list[float]) -> float:
    """Seconds for a replay in a session of its own; ``peaks`` gets the memory of both ends, if visible."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        started = perf_counter()
        connection.execute("SELECT * FROM artifactstore.replay()")
        seconds = perf_counter() - started
        if server.local:
            peaks.append(peak_megabytes(connection.info.backend_pid) + peak_megabytes("self"))
    return seconds


def _seconds_to_project(connection: psycopg.Connection, events: int, statement: bytes) -> float:
    """Seconds for a projection into the emptied live views, in one transaction that is undone."""
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL artifactstore.projecting = 'on'")
        # As project_ranges sets them: what differs is the length of the ranges alone.
        connection.execute(_SETTINGS)
        connection.execute("SET LOCAL search_path = artifactstore, pg_temp")
        connection.execute(
            "TRUNCATE artifact_packages, artifact_files, storage_locations, retention_state, retention_holds,"
            " requests, log_epochs"
        )
        started = perf_counter()
        connection.execute(statement, (events,))
        return perf_counter() - started
