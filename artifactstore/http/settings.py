"""What can be set about the service, and the environment variables that set it."""

import os
import re
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

_KEY_CHARACTERS = 32

_ORIGIN = re.compile(r"\*|https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?")
"""As browsers send it: in lower case, without a path, and without the port that is usual."""


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
        send_timeout: seconds in which a client must have read an answer, if it is not sent as it is made.
        unsent_bytes: bytes of answers that wait for their clients, over all connections; those who let
            them wait for the longest are cut off.
        max_connections: connections of clients; fewer where the process may not open so many files. When
            there are more, those without a request that is under way go, the longest idle first.
        token_seconds: for how long a process trusts what it read about a token; at most 5.
        check_seconds: between two checks of live rows of random packages against the log; 0: never.
        stop_seconds: after which a stopped service has ended, whatever was under way.
        cors_origins: origins whose pages may use the service from a browser, as https://app.example.org, or *
            for all; none by default.
        content_origin: where reports are looked at, as https://content.example.org: another host that leads
            to the same service, which answers nothing else there; none by default: they are only fetched.
        stores: path of stores.toml; default: the file of the host, else of the user. Without one the service
            keeps and gives no bytes.
        ticket_key: secret that tickets are sealed with, at least 32 characters; the same for all hosts that
            serve one log. Default: a new one each time serve begins, so that tickets of before are refused.
        max_uploads: bodies of bytes that may come at once; more are answered 503.
        upload_bytes: memory for them, all together.
        upload_seconds: how long nothing may come, and how long a turn for memory is waited for.
        upload_rate: bytes a second that must come at least, once a body was waited for that long; that must
            be read at least of an answer that is sent as it is made, over ``send_timeout``.
        max_put: bytes of a body that is stored at once. max_object: bytes of one that comes in parts.
        public_docs: whether /openapi.json and /docs are for everybody, or for readers.
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
    cors_origins: tuple[str, ...] = ()
    content_origin: str = ""
    stores: str = ""
    ticket_key: str = ""
    max_uploads: int = 64
    upload_bytes: int = 192 * 1024 * 1024
    upload_seconds: float = 60.0
    upload_rate: int = 1024
    max_put: int = 16 * 1024**3
    max_object: int = 500 * 1024**3
    public_docs: bool = True
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
    def content_host(self) -> str:
        """The host of ``content_origin``, empty without one."""
        return host_name(self.content_origin.partition("://")[2])

    @property
    def graceful_seconds(self) -> int:
        """What a stop leaves to requests that are under way."""
        return max(1, self.stop_seconds - int(2 * CLOSE_SECONDS))

    def check(self) -> None:
        """Raise ``BadInput`` usage for values that cannot work."""
        problem = next(self._problems(), None)
        if problem is not None:
            raise BadInput("usage", {"problem": problem})

    def _problems(self) -> Iterator[str]:
        if not self.database_url:
            yield "no database: set DATABASE_URL"
        if self.log_level not in ("debug", "info", "warning", "error"):
            yield f"{variable('log_level')} is debug, info, warning or error"
        for origin in self.cors_origins:
            if _ORIGIN.fullmatch(origin) is None:
                yield f"{variable('cors_origins')} has origins (https://app.example.org) or *, not {origin!r}"
        if self.content_origin and (
            self.content_origin == "*" or _ORIGIN.fullmatch(self.content_origin) is None
        ):
            one = "one origin (https://content.example.org)"
            yield f"{variable('content_origin')} is {one}, not {self.content_origin!r}"
        if self.ticket_key and len(self.ticket_key) < _KEY_CHARACTERS:
            yield f"{variable('ticket_key')} has at least {_KEY_CHARACTERS} characters"
        yield from self._out_of_range()
        if self.pool_min > self.pool_max:
            yield f"{variable('pool_min')} is at most {variable('pool_max')}"

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


def host_name(authority: str) -> str:
    """The host of ``host:port`` in lower case, without the dot that ends a whole name.

    Without the port, too: cookies know none, and a proxy may not pass it on.
    """
    name = authority.lower()
    host = name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0]
    return host.rstrip(".")


def variables() -> Iterator[str]:
    """The environment variables of all settings."""
    return (variable(field.name) for field in fields(Settings))


def _parse(name: str, text: str, default: object) -> object:
    try:
        if isinstance(default, bool):
            return flag(name, text)
        if isinstance(default, tuple):
            return tuple(text.replace(",", " ").split())
        if isinstance(default, (int, float)):
            return type(default)(text)
    except ValueError:
        kind = "an integer" if isinstance(default, int) else "a number"
        raise BadInput("usage", {"problem": f"{name} is {kind}, not {text!r}"}) from None
    return text
