"""How long it takes to copy the log, to replay it and to verify it; each in a session of its own."""

from time import perf_counter

import psycopg

from artifactstore import db
from artifactstore.jobs.verify import verify
from artifactstore.store import Store
from bench.database import Server, peak_megabytes
from bench.plan import Failed


def seconds_to_copy(conninfo: str) -> float:
    """Seconds to copy the log (INSERT … SELECT) into a table with the same indexes."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.copy (LIKE artifactstore.events INCLUDING INDEXES)")
        started = perf_counter()
        connection.execute("INSERT INTO public.copy SELECT * FROM artifactstore.events")
        seconds = perf_counter() - started
        connection.execute("DROP TABLE public.copy")
    return seconds


def seconds_to_replay(conninfo: str, server: Server, peaks: list[float]) -> float:
    """Seconds for SQL replay(); ``peaks`` gets the memory of both ends in MB, if visible."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        started = perf_counter()
        connection.execute("SELECT * FROM artifactstore.replay()")
        seconds = perf_counter() - started
        if server.local:
            peaks.append(peak_megabytes(connection.info.backend_pid) + peak_megabytes("self"))
    return seconds


def seconds_to_verify(conninfo: str, jobs: int = 1) -> float:
    """Seconds for ``artifactstore verify`` with so many jobs; raises ``Failed`` if it finds anything."""
    with db.connect(conninfo) as connection:
        done = verify(Store(connection), lambda: db.connect(conninfo), jobs=jobs)
    if done.found:
        raise Failed(f"verify found {done.findings[0]}")
    return done.seconds
