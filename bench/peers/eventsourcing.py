"""eventsourcing (Python): insert_events of its recorder for PostgreSQL, in an environment of its own."""

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.peers.peer import Append, Peer, run
from bench.peers.program import seconds_of
from bench.plan import Say

_PROGRAM = Path(__file__).with_name("eventsourcing_program.py")


def install(directory: Path, packages: Sequence[str], say: Say) -> None:
    """Make the environment and install into it."""
    run([sys.executable, "-m", "venv", str(directory / "venv")], say)
    run([_python(directory), "-m", "pip", "install", "--quiet", *packages], say)


def prepare(directory: Path, conninfo: str) -> Append:
    """The program makes the tables itself."""
    # -P: beside the program is a module with the name of the package.
    command = [_python(directory), "-P", str(_PROGRAM), conninfo]
    return lambda events: seconds_of(command, events, directory)


def _python(directory: Path) -> str:
    return str(directory / "venv" / "bin" / "python")


EVENTSOURCING = Peer(
    "peer_eventsourcing", ("eventsourcing==9.5.6", "psycopg[binary,pool]==3.3.9"), install, prepare
)
