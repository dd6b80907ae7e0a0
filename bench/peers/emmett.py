"""Emmett: appendToStream of its event store for PostgreSQL, in a program for node."""

import shutil
from pathlib import Path
from urllib.parse import quote, urlencode

from psycopg.conninfo import conninfo_to_dict

from bench.peers.peer import Append, Peer, from_npm
from bench.peers.program import seconds_of

_PROGRAM = "emmett.mjs"


def prepare(directory: Path, conninfo: str) -> Append:
    """The program stands beside the packages, where node looks for them; it makes the tables itself."""
    shutil.copyfile(Path(__file__).with_name(_PROGRAM), directory / _PROGRAM)
    command = ["node", _PROGRAM, _url(conninfo)]
    return lambda events: seconds_of(command, events, directory)


def _url(conninfo: str) -> str:
    """As node-postgres reads it: a socket's directory is a parameter."""
    parts = {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if value is not None}
    user = ":".join(quote(parts.pop(name), "") for name in ("user", "password") if name in parts)
    return f"postgresql://{user}@localhost/{quote(parts.pop('dbname'), '')}?{urlencode(parts)}"


EMMETT = Peer(
    "peer_emmett",
    (
        "@event-driven-io/emmett@0.42.0",
        "@event-driven-io/emmett-postgresql@0.42.0",
        "@event-driven-io/pongo@0.16.11",
    ),
    from_npm,
    prepare,
)
