"""How many single statements clients of the server itself run: what appends over HTTP are held against."""

import math
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import LiteralString

import psycopg

from bench.database import beside_server
from bench.plan import Failed

CONNECTIONS = 16

_TABLE = "CREATE TABLE plain (id bigserial PRIMARY KEY, payload bytea NOT NULL)"
_INSERT = "INSERT INTO plain (payload) VALUES (convert_to(repeat('x', 200), 'UTF8'))"
_RATE = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


def prepare(conninfo: str) -> tuple[str, Callable[[float], float]]:
    """Make a table to insert single rows into; the rest is as ``repeating`` gives it."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(_TABLE)
    return repeating(conninfo, _INSERT)


def repeating(conninfo: str, statement: LiteralString) -> tuple[str, Callable[[float], float]]:
    """Who runs the statement, each time a transaction, for people; a function: seconds → times per second."""
    program = beside_server(conninfo, "pgbench")
    if program is None:
        return f"{CONNECTIONS} threads of psycopg", partial(by_psycopg, conninfo, statement)
    return f"pgbench with {CONNECTIONS} clients", partial(by_pgbench, program, conninfo, statement)


def by_pgbench(program: str, conninfo: str, statement: str, seconds: float) -> float:
    """Times per second; it runs for whole seconds."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(f"{statement};\n")
        script.flush()
        command = [
            program,
            "--no-vacuum",
            "--protocol=prepared",
            f"--client={CONNECTIONS}",
            "--jobs=2",
            f"--time={max(1, math.ceil(seconds))}",
            f"--file={script.name}",
            conninfo,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    rate = _RATE.search(done.stdout)
    if done.returncode or rate is None:
        raise Failed(f"{program}: {done.stderr.strip()[-300:]}")
    return float(rate[1])


def by_psycopg(conninfo: str, statement: LiteralString, seconds: float) -> float:
    """Times per second."""
    end = time.perf_counter() + seconds
    counts = [0] * CONNECTIONS

    def insert(client: int) -> None:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            while time.perf_counter() < end:
                connection.execute(statement)
                counts[client] += 1

    threads = [threading.Thread(target=insert, args=(client,)) for client in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds
