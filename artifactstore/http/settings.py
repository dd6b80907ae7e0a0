"""What can be set about the service, and the environment variables that set it."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from artifactstore.errors import BadInput
from artifactstore.variables import PREFIX, flag

CLOSE_SECONDS = 2.0
"""Half of what a stop has for its own end: within it the writer appends what waits."""
_MAY_BE_ZERO = ("prepare_threshold", "max_waiters", "token_seconds", "check_seconds", "gzip_bytes")
"""What can be switched off; every other number is more than 0."""
_MOST_SECONDS = 2_000_000.0
"""The database counts milliseconds in 31 bits."""
_MOST = 2**40
_MOST_OF = {
    "pool_min": 1_000, "pool_max": 1_000, "prepare_threshold": 2**31 - 1, "connect_timeout": 3_600,
    "stop_seconds": 3_600, "token_seconds": 5.0, "max_connections": 2**31 - 1, "max_waiters": 2**31 - 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one process; each is read from ``ARTIFACTSTORE_<NAME>``, the first from DATABASE_URL.

    Attributes:
        database_url: PostgreSQL to work on, as libpq takes it; its login needs the role service.
        pool_min, pool_max: connections for reads. Besides them a process has at most three: one that
            writes, one that listens for new events, one spare while a lost one is replaced.
        pool_timeout: seconds that a read waits for a connection before it is answered 503.
        prepare_threshold: runs after which a statement is prepared; 0: never, as a pooler that pools by
            transaction (pgbouncer) needs it.
        statement_timeout: seconds after which the database ends a read.
        lock_timeout: seconds that a write waits for its turn, or a read for ``replay --truncate``, before
            it is answered 503.
        read_timeout, write_timeout: seconds within which a read or a write is answered whatever the database
            and the network do, its turn included: then its connection is given up.
        connect_timeout: seconds that a new connection may take.
        group: fold commands that arrive while a transaction commits into the next one.
        queue_commands, queue_bytes: commands, and bytes of their payloads, that may wait; more are
            answered 503 at once.
        max_waiters: requests of the feed that may wait; more are answered at once.
        body_bytes: largest request body. body_timeout: seconds in which it must be complete.
        gzip_bytes: answers to GET of so many bytes are compressed for those who ask for it; 0: never.
        page_bytes: bytes of the rows of a page, of which it has one at least.
        head_bytes, head_count: bytes of a request line with its headers, and how many headers, at most;
            the same again for what comes between and behind the chunks of a body.
        head_timeout: seconds in which a head must be complete, from the connection or its first byte on.
        idle_timeout: seconds that a connection may be without a request after one was answered; longer
            than the minute for which proxies keep theirs.
        send_timeout: seconds in which a client must have read an answer.
        unsent_bytes: bytes of answers that wait for their clients, over all connections; those who let
            them wait for the longest are cut off.
        max_connections: connections of clients; fewer where the process may not open so many files. When
            there are more, those without a request that is under way go, the longest idle first.
        token_seconds: for how long a process trusts what it read about a token; at most 5.
        check_seconds: between two checks of live rows of random packages against the log; 0: never.
        stop_seconds: after which a stopped service has ended, whatever was under way.
        log_level: debug, info (every request), warning (refused requests), error.
    """

    database_url: str
    pool_min: int = 1
    pool_max: int = 8
    pool_timeout: float = 2.0
    prepare_threshold: int = 5
    statement_timeout: float = 10.0
    lock_timeout: float = 5.0
    read_timeout: float = 20.0
    write_timeout: float = 30.0
    connect_timeout: int = 5
    group: bool = True
    queue_commands: int = 2_000
    queue_bytes: int = 64 * 1024 * 1024
    max_waiters: int = 5_000
    body_bytes: int = 8 * 1024 * 1024
    body_timeout: float = 20.0
    gzip_bytes: int = 1_024
    page_bytes: int = 4 * 1024 * 1024
    head_bytes: int = 64 * 1024
    head_count: int = 100
    head_timeout: float = 10.0
    idle_timeout: float = 75.0
    send_timeout: float = 60.0
    unsent_bytes: int = 128 * 1024 * 1024
    max_connections: int = 10_000
    token_seconds: float = 5.0
    check_seconds: float = 60.0
    stop_seconds: int = 10
    log_level: str = "info"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The settings that the environment gives; raises ``BadInput`` usage naming what cannot be."""
        given = os.environ if environment is None else environment
        values: dict[str, Any] = {"database_url": given.get("DATABASE_URL", "")}
        for field in fields(cls):
            text = given.get(variable(field.name))
            if text is not None and field.name != "database_url":
                values[field.name] = _parse(variable(field.name), text, field.default)
        settings = cls(**values)
        settings.check()
        return settings

    @property
    def graceful_seconds(self) -> int:
        """What a stop leaves to requests that are under way."""
        return max(1, self.stop_seconds - int(2 * CLOSE_SECONDS))

    def check(self) -> None:
        """Raise ``BadInput`` usage for values that cannot work."""
        problem = None
        if not self.database_url:
            problem = "no database: set DATABASE_URL"
        elif self.log_level not in ("debug", "info", "warning", "error"):
            problem = f"{variable('log_level')} is debug, info, warning or error"
        else:
            problem = next(self._out_of_range(), None)
        if problem is None and self.pool_min > self.pool_max:
            problem = f"{variable('pool_min')} is at most {variable('pool_max')}"
        if problem is not None:
            raise BadInput("usage", {"problem": problem})

    def _out_of_range(self) -> Iterator[str]:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            most = _MOST_OF.get(field.name, _MOST_SECONDS if isinstance(field.default, float) else _MOST)
            zero = field.name in _MAY_BE_ZERO
            # So that nan, which is neither more nor less than anything, is out of it too.
            if not (value >= 0 if zero else value > 0) or not value <= most:
                least = "from 0" if zero else "more than 0"
                yield f"{variable(field.name)} is {least}, at most {most}, not {value}"


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return "DATABASE_URL" if name == "database_url" else PREFIX + name.upper()


def variables() -> Iterator[str]:
    """The environment variables of all settings."""
    return (variable(field.name) for field in fields(Settings))


def _parse(name: str, text: str, default: object) -> object:
    try:
        if isinstance(default, bool):
            return flag(name, text)
        if isinstance(default, (int, float)):
            return type(default)(text)
    except ValueError:
        kind = "an integer" if isinstance(default, int) else "a number"
        raise BadInput("usage", {"problem": f"{name} is {kind}, not {text!r}"}) from None
    return text
