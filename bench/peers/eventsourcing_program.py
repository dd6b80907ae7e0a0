"""Appends the events on standard input, a JSON array of their data, one by one; prints {"seconds": …}.

Runs in the environment of the peer: what it imports is not in this one.
"""

import json
import sys
from collections.abc import Sequence
from time import perf_counter
from uuid import uuid4

from eventsourcing.persistence import StoredEvent  # type: ignore[import-not-found]
from eventsourcing.postgres import (  # type: ignore[import-not-found]
    PostgresApplicationRecorder,
    PostgresDatastore,
)
from psycopg.conninfo import conninfo_to_dict

WARM_UP = 30


def main() -> None:
    """Append to a new aggregate, version after version."""
    events = [json.dumps(event).encode() for event in json.load(sys.stdin)]
    parts = {name: str(value) for name, value in conninfo_to_dict(sys.argv[1]).items()}
    datastore = PostgresDatastore(
        parts["dbname"], parts["host"], parts.get("port", "5432"), parts["user"], parts.get("password", "")
    )
    recorder = PostgresApplicationRecorder(datastore)
    recorder.create_table()
    aggregate = uuid4()

    def append(first: int, states: Sequence[bytes]) -> float:
        started = perf_counter()
        for version, state in enumerate(states, first):
            recorder.insert_events([StoredEvent(aggregate, version, "FileIngested", state)])
        return perf_counter() - started

    append(1, events[:1] * WARM_UP)
    seconds = append(1 + WARM_UP, events)
    datastore.close()
    sys.stdout.write(json.dumps({"seconds": seconds}) + "\n")


if __name__ == "__main__":
    main()
