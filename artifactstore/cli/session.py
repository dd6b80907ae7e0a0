"""What the commands of one invocation share: options, the database, the output."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

# Everything but click is imported when it is used: --help must not wait for a database driver.
if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from psycopg import Connection

    from artifactstore.cli.output import Output
    from artifactstore.cli.progress import Reporter
    from artifactstore.db import Target
    from artifactstore.events import Event
    from artifactstore.registry import Registry
    from artifactstore.remote import Remote
    from artifactstore.store import Appended, LogQuery, Row, Store
    from artifactstore.stores.opening import Stores

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class Session:
    """One invocation of the program.

    Attributes:
        json: results as JSON. wide: tables are as wide as they need.
        database_url: as given, if it was. chosen_actor: likewise.
        url, token, registry: of a service, likewise. stores_file: stores.toml, likewise.
        respelled: canonical purl of the package, if it was named by another spelling.
        data_directory: of the embedded server, if it is not the usual one.
    """

    json: bool = False
    wide: bool = False
    database_url: str | None = None
    chosen_actor: str | None = None
    url: str | None = None
    token: str | None = None
    registry: str | None = None
    stores_file: str | None = None
    respelled: str | None = None
    data_directory: "Path | None" = None
    resources: ExitStack = field(default_factory=ExitStack)

    @property
    def actor(self) -> str:
        """Who does it: as given, else ``user:<login>``, or its number; at a service who has the token."""
        if self.remote is not None:
            return self.remote.actor
        if self.chosen_actor:
            return self.chosen_actor
        from getpass import getuser

        try:
            return f"user:{getuser()}"
        except (KeyError, OSError):  # OSError since Python 3.13
            return f"user:{os.getuid()}"

    @cached_property
    def output(self) -> "Output":
        """Where results go."""
        from artifactstore.cli.output import Output

        return Output(self.json, self.wide)

    @cached_property
    def remote(self) -> "Remote | None":
        """The service that was named, by URL or by name; None: the registry is a database."""
        from artifactstore.cli import services

        service = services.named(self.url, self.registry, self.database_url, self.token)
        if service is None:
            return None
        from artifactstore.remote import Remote  # HTTP takes a while to import

        return self.resources.enter_context(Remote.at(service.url, service.token, self.chosen_actor))

    @property
    def store(self) -> "Registry":
        """The registry to work on, wherever it is."""
        return self.database if self.remote is None else self.remote

    @cached_property
    def stores(self) -> "Stores":
        """The stores that this host knows, closed at the end of the invocation; raises ``BadInput``."""
        from pathlib import Path

        from artifactstore.stores.opening import Stores

        named = None if self.stores_file is None else Path(self.stores_file)
        return self.resources.enter_context(Stores.load(named))

    @cached_property
    def target(self) -> "Target":
        """The database, started if it is the embedded one.

        Raises as ``require_database``.
        """
        self.require_database()
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict

        from artifactstore import db
        from artifactstore.errors import BadInput

        target = db.target(self.database_url, self.data_directory, tell=self.notice)
        try:
            conninfo_to_dict(target.conninfo)
        except ProgrammingError as failure:
            raise BadInput("usage", {"problem": f"the database URL: {str(failure).strip()}"}) from failure
        return target

    def connect(self, purpose: str = "") -> "Connection[Any]":
        """Another connection, closed at the end of the invocation."""
        from artifactstore import db

        connection = db.connect(self.target.conninfo, purpose=purpose)
        self.resources.callback(connection.close)
        return connection

    def require_database(self) -> None:
        """Raise ``BadInput``: database-only if a service was named, no-driver where there is no driver."""
        from artifactstore.errors import BadInput, error

        if self.remote is not None:
            command = click.get_current_context().command_path
            problem = f"{command} does not work over {self.remote.url}"
            raise BadInput("database-only", {"problem": problem, "url": self.remote.url})
        try:
            import psycopg  # noqa: F401
        except ModuleNotFoundError as failure:
            raise error("no-driver", {"problem": str(failure)}) from failure

    @cached_property
    def database(self) -> "Store":
        """The store of the database, for what no service offers.

        An embedded database is migrated on the way, any other must be.
        """
        self.require_database()
        from artifactstore.errors import ArtifactstoreError
        from artifactstore.migrate import check_version, migrate
        from artifactstore.store import Store

        connection = self.connect()
        try:
            check_version(connection)
        except ArtifactstoreError as failure:
            if failure.code != "schema-outdated" or not self.target.embedded:
                raise
            migrate(self.target.conninfo, grant_to_login=True)
        return Store(connection)

    def notice(self, line: str) -> None:
        """Tell people something that is no result, at once, on stderr; in JSON an object with ``notice``."""
        from artifactstore.cli.output import visible

        click.echo(json.dumps({"notice": line.strip()}) if self.json else visible(line), err=True)

    def place(self) -> str:
        """Where the registry is: the directory of an embedded one, else the database, without a password."""
        if self.target.embedded:
            from artifactstore import embedded

            return str(embedded.data_directory(self.data_directory))
        from psycopg.conninfo import make_conninfo

        info = self.database.connection.info
        return make_conninfo(host=info.host, port=info.port, dbname=info.dbname, user=info.user)

    def follow(self, query: "LogQuery", limit: int | None) -> "Iterator[Row]":
        """Events after ``query.since``, then new ones as they come; up to ``limit`` of them or for ever."""
        if self.remote is not None:
            return self.remote.log.follow(query, limit)
        from artifactstore.jobs.follow import follow as follow_log

        return follow_log(self.database.log, self.connect("follow"), query, limit)

    def progress(self) -> "Reporter":
        """Shows how far long work is, until it is left: a bar on a terminal, lines elsewhere."""
        from artifactstore.cli.progress import Reporter

        return Reporter(silent=self.json)

    def package_id(self, reference: "UUID | str") -> "UUID":
        """The id of a package that was named by id or purl; raises ``NotFound``.

        Another spelling of a purl is told by its canonical form: to people, and with what is appended.
        """
        row = self.store.packages.package(reference)
        if isinstance(reference, str) and row["purl"] != reference:
            self.respelled = row["purl"]
            if not self.json:
                click.echo(f"the package is {row['purl']}", err=True)
        package_id: UUID = row["package_id"]
        return package_id

    def append(self, event: "Event", subject_id: "UUID", expected: int | None = None, **more: object) -> None:
        """Append one event and tell its sequence; ``more`` is told with it."""
        from artifactstore.events import NewEvent

        new = NewEvent(event, subject_id, self.actor, expected)
        self.tell_appended(self.store.writes.append([new])[0], event.event_type, subject_id, **more)

    def tell_appended(
        self, appended: "Appended", event_type: str, subject_id: "UUID", **more: object
    ) -> None:
        """Tell where an event landed."""
        self.output.result(
            {
                "sequence": appended.sequence,
                "created_at": appended.created_at,
                "event_type": event_type,
                "subject_id": subject_id,
                "actor": self.actor,
                **({} if self.respelled is None else {"purl": self.respelled}),
                **more,
            }
        )

    def explained(self, failure: Exception) -> Exception:
        """The failure, with who is in the way of a wait, or the statement that grants the role it lacks."""
        from artifactstore.errors import ArtifactstoreError

        if not isinstance(failure, ArtifactstoreError) or "target" not in vars(self):
            return failure
        from artifactstore import lacking, waits

        told = waits.explained(failure, self.target.conninfo)
        return lacking.explained(told, self.target.conninfo)

    def confirm(self, question: str, yes: bool) -> None:
        """Go on if ``yes`` or if the person says so; raises ``BadInput`` confirmation if nobody is there."""
        from artifactstore.errors import BadInput

        if yes:
            return
        if self.json or not sys.stdin.isatty():
            raise BadInput("confirmation", {"problem": question})
        click.confirm(question, abort=True, err=True)


def with_session(command: Callable[Concatenate[Session, P], R]) -> Callable[P, R]:
    """Pass the session to a command as its first argument."""

    @wraps(command)
    def run(*arguments: P.args, **keywords: P.kwargs) -> R:
        return command(click.get_current_context().ensure_object(Session), *arguments, **keywords)

    return run
