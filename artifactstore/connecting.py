"""Why a connection to a database was not made: what the server answered, by its SQLSTATE.

libpq gives only the text of such an answer, in the language of the server. The trace of the protocol, which
it writes on demand, has the SQLSTATE as well: so whoever was not let in knocks once more, listening.
"""

import re
import tempfile
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from time import monotonic

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_attempts, conninfo_to_dict, make_conninfo

from artifactstore.errors import ArtifactstoreError, by_sqlstate, error, translate

_SECONDS = 2.0
"""How long to listen for the answers of all hosts: who gave one before gives it again at once."""
_STATE = re.compile(rb'\tErrorResponse\t S "[^"]*" V "[^"]*" C "([0-9A-Z]{5})"')
_EVENTS = {pq.PollingStatus.READING: EVENT_READ, pq.PollingStatus.WRITING: EVENT_WRITE}
_CLOSED = "55000"
"""The database takes no connections: ALTER DATABASE … ALLOW_CONNECTIONS false."""


def refusal(failure: psycopg.Error, conninfo: str) -> ArtifactstoreError:
    """What it means that no connection was made.

    ``unavailable`` while one of the servers that the conninfo names may still take it later; else what the
    first of them said: ``database-missing``, ``login-refused``, ``forbidden``, or ``usage`` for settings in
    the conninfo that the server does not take.
    """
    meaning = translate(failure)
    if not isinstance(failure, psycopg.OperationalError) or failure.sqlstate is not None:
        return meaning
    if isinstance(failure, psycopg.errors.ConnectionTimeout):
        return meaning
    detail = {"problem": meaning.detail["problem"]}
    ends = monotonic() + _SECONDS
    try:
        attempts = list(conninfo_attempts(conninfo_to_dict(conninfo)))
        told = [_meaning(make_conninfo("", **one), detail, ends) for one in attempts]
    except (psycopg.Error, OSError):  # a name that does not resolve, say, or no room for the trace
        return meaning
    if any(one.code == "unavailable" for one in told):
        return meaning
    return told[0]


def _meaning(conninfo: str, detail: dict[str, object], ends: float) -> ArtifactstoreError:
    state, needs_password = _knock(conninfo, ends)
    if state is None:
        return error("login-refused" if needs_password else "unavailable", detail)
    if state == _CLOSED:
        return error("login-refused", detail)
    meaning = by_sqlstate(state, detail)
    return error("usage", detail) if meaning.code in ("internal", "schema-outdated") else meaning


def _knock(conninfo: str, ends: float) -> tuple[str | None, bool]:
    """The SQLSTATE of the answer, None if there was none, and whether a password is asked for in vain.

    Args:
        ends: when (monotonic) to stop listening.
    """
    connection = pq.PGconn.connect_start(conninfo.encode())
    try:
        with tempfile.TemporaryFile() as trace:
            try:
                connection.trace(trace.fileno())
            except psycopg.NotSupportedError:
                return None, False
            while connection.status != pq.ConnStatus.BAD and (left := ends - monotonic()) > 0:
                step = pq.PollingStatus(connection.connect_poll())
                if step not in _EVENTS:
                    break
                with DefaultSelector() as selector:
                    selector.register(connection.socket, _EVENTS[step])
                    selector.select(left)
            needs_password = connection.needs_password
            connection.untrace()
            trace.seek(0)
            found = _STATE.findall(trace.read())
    finally:
        connection.finish()
    return (found[-1].decode() if found else None), needs_password
