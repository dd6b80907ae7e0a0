"""Every refusal by name: its SQLSTATE, HTTP status, exit code, and the exception that carries it.

``scripts/dump-schema`` writes those with a SQLSTATE into sql/0_base/error_codes.sql, for the functions there.
Nothing here looks at the text of a message; ``lacking`` alone does, for the name of what was denied, and
tells less where the server speaks another language.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artifactstore.exits import (
    EXIT_BAD_INPUT,
    EXIT_DAMAGED,
    EXIT_FORBIDDEN,
    EXIT_INTERNAL,
    EXIT_NOT_FOUND,
    EXIT_REFUSED,
    EXIT_RETRY,
)

# The driver is imported when a failure of it is looked for: who talks to a service need not have one.
if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True, slots=True)
class ErrorSpec:
    """One kind of error: ``sqlstate`` is None when only Python raises it."""

    name: str
    sqlstate: str | None
    http_status: int
    exit_code: int
    message: str
    hint: str


# fmt: off
_SPECS = (
    ErrorSpec("bad-payload", "ST001", 422, 2,
              "the payload does not fit its event type",
              "see artifactstore.event_types for the fields of the type; the problem is in DETAIL"),
    ErrorSpec("unknown-event-type", "ST002", 422, 2,
              "the event type is not in the catalogue",
              "SELECT event_type FROM artifactstore.event_types; a newer log needs newer software: "
              "upgrade, then migrate"),
    ErrorSpec("not-found", "ST003", 404, 4,
              "the subject does not exist",
              "check the id, and that it was created before"),
    ErrorSpec("id-taken", "ST004", 409, 3,
              "the id was used before",
              "ids are never used twice; make a new UUIDv7"),
    ErrorSpec("wrong-package", "ST005", 409, 3,
              "the file or location belongs to another package",
              "name the package that it belongs to"),
    ErrorSpec("bad-subject", "ST006", 422, 2,
              "the subject id is missing or not the one that the payload names",
              "give the id of the package, file, location or log that the event is about"),
    ErrorSpec("bad-actor", "ST007", 422, 2,
              "the actor is not a text of 1 to 255 bytes, in NFC, all of which can be seen",
              "give the identity of who does it, e.g. user:ann"),
    ErrorSpec("bad-digest", "ST008", 422, 2,
              "the payload digest is not the BLAKE3 of the payload",
              "compute BLAKE3 (32 bytes) of the payload bytes as they are sent"),
    ErrorSpec("too-large", "ST009", 413, 2,
              "a payload or request is over its limit",
              "the limit is in DETAIL; split the request"),
    ErrorSpec("invalid-purl", "ST010", 422, 2,
              "the purl is not a well-formed package URL",
              "e.g. pkg:generic/name@1.0; problem says what is wrong, canonical how it is written"),
    ErrorSpec("name-taken", "ST011", 409, 3,
              "the purl was used before",
              "a purl is never used twice, not even after a purge; choose another version"),
    ErrorSpec("not-future", "ST012", 422, 2,
              "the end of retention is not after the time of the event",
              "give a later instant"),
    ErrorSpec("purged", "ST013", 409, 3,
              "the package is purged",
              "nothing can change a purged package"),
    ErrorSpec("nothing-to-do", "ST014", 409, 3,
              "the event would change no label",
              "leave it out"),
    ErrorSpec("not-open", "ST015", 409, 3,
              "the package is not open",
              "only open packages take or lose files"),
    ErrorSpec("empty", "ST016", 409, 3,
              "the package has no file",
              "ingest files first"),
    ErrorSpec("manifest-changed", "ST017", 409, 3,
              "the files are not those that the command counted",
              "read the files again, then repeat the command"),
    ErrorSpec("no-change", "ST018", 409, 3,
              "the package is not sealed, or the yank flag or the location is that already",
              "read the package or the location again"),
    ErrorSpec("wrong-state", "ST019", 409, 3,
              "the state of the package does not allow it",
              "open or sealed packages can be deleted, deleted ones restored or purged"),
    ErrorSpec("legal-hold", "ST020", 409, 3,
              "a legal hold is in force",
              "release every hold first; see retention_holds"),
    ErrorSpec("retention-active", "ST021", 409, 3,
              "retention is in force",
              "wait until retain_until; operators may bypass governance (bypass_governance)"),
    ErrorSpec("bad-path", "ST022", 422, 2,
              "the path is not allowed",
              "relative, / between segments, no empty, . or .. segment, no control characters, NFC"),
    ErrorSpec("path-taken", "ST023", 409, 3,
              "the package has a live file with this path",
              "remove that file first or choose another path"),
    ErrorSpec("gone", "ST024", 409, 3,
              "the file is removed or purged",
              "ingest it again under a new id"),
    ErrorSpec("digest-mismatch", "ST025", 409, 3,
              "size or digest differ from those of the file",
              "a copy must be the same bytes; check what was stored"),
    ErrorSpec("location-taken", "ST026", 409, 3,
              "this file has a live location with this backend and uri",
              "use that location"),
    ErrorSpec("retired", "ST027", 409, 3,
              "the location is retired",
              "register the copy again under a new id"),
    ErrorSpec("last-good-copy", "ST028", 409, 3,
              "it is the last good copy of a live file",
              "register another copy first"),
    ErrorSpec("retention-changed", "ST029", 409, 3,
              "retention is not what the command took it to be",
              "read retention_state again, then repeat the command"),
    ErrorSpec("not-later", "ST030", 409, 3,
              "an extension must end later",
              "give a later instant; to shorten is another command"),
    ErrorSpec("not-earlier", "ST031", 409, 3,
              "a shortening must end earlier",
              "give an earlier instant; to extend is another command"),
    ErrorSpec("wrong-mode", "ST032", 409, 3,
              "retention is not in governance mode",
              "only active governance retention can be escalated"),
    ErrorSpec("compliance-locked", "ST033", 409, 3,
              "compliance retention cannot be shortened",
              "nobody can; it ends at retain_until"),
    ErrorSpec("hold-exists", "ST034", 409, 3,
              "the hold id was used on this package before",
              "make a new hold id"),
    ErrorSpec("no-such-hold", "ST035", 409, 3,
              "no such hold is in force",
              "see retention_holds for those in force"),
    ErrorSpec("already-initialized", "ST036", 409, 3,
              "the log has begun already",
              "only the first event of a log can be its beginning"),
    ErrorSpec("wrong-epoch", "ST037", 409, 3,
              "the epoch is not the current one + 1, or names another log",
              "read log_epochs"),
    ErrorSpec("changed", "ST040", 412, 3,
              "the row is not in the state that was expected",
              "read it again, decide, repeat with its new version, which is its ETag"),
    ErrorSpec("request-mismatch", "ST041", 422, 3,
              "the idempotency key was used for another request",
              "use a new key for a new request"),
    ErrorSpec("bad-request-group", "ST042", 422, 2,
              "the request does not cover the events that it says",
              "only the first event of a request carries it; events counts all of them"),
    ErrorSpec("forbidden", "ST043", 403, 7,
              "the role may not do this",
              "ask an operator"),
    ErrorSpec("wrong-isolation", "ST044", 500, 2,
              "the transaction has another isolation level than is needed",
              "BEGIN ISOLATION LEVEL READ COMMITTED to append; what is needed is in the message"),
    ErrorSpec("busy", "ST045", 503, 5,
              "another transaction is in the way",
              "retry; if it lasts, artifactstore doctor tells who holds the append lock and which "
              "transactions are old"),
    ErrorSpec("clock-behind", "ST046", 503, 5,
              "the clock is more than 60 s behind the log",
              "set the clock of the server right; nothing is destroyed meanwhile"),
    ErrorSpec("append-only", "ST047", 403, 7,
              "the log is append-only",
              "append an event that corrects it; see artifactstore.append_json"),
    ErrorSpec("direct-write", "ST048", 403, 7,
              "views are written by projectors only",
              "append an event; see artifactstore.append_json"),
    ErrorSpec("log-damaged", "ST050", 500, 6,
              "the log is damaged",
              "run artifactstore verify; restore the log from a backup"),
    ErrorSpec("stale-views", "ST051", 409, 3,
              "the live views were made by other projectors than those installed",
              "run artifactstore replay, then repeat"),
    ErrorSpec("no-such-view-set", "ST052", 404, 4,
              "no such snapshot or past is stored",
              "SELECT schema_name FROM artifactstore.view_sets"),
    ErrorSpec("view-set-in-use", "ST053", 409, 3,
              "the view set cannot be dropped: others use its schema",
              "drop what depends on it first (\\d+ in psql shows it)"),
    ErrorSpec("schema-taken", "ST054", 409, 3,
              "a schema of this name exists",
              "choose another name, or drop what artifactstore made: artifactstore snapshot drop"),
    ErrorSpec("no-continuation", "ST055", 409, 3,
              "the import does not belong at the end of this log",
              "an export from event 1 goes into an empty log; a later part goes where the same log ends: "
              "artifactstore export --from N+1"),
    ErrorSpec("views-behind", "ST057", 503, 5,
              "the views do not stand where the log ends",
              "run artifactstore replay, then repeat: until then every append is refused"),
    ErrorSpec("rebuild-outdated", "ST058", 409, 5,
              "the rebuild under way is not of this log and these projectors any more",
              "run artifactstore replay again: it drops the rebuild and begins a new one"),
    ErrorSpec("events-lost", "ST062", 409, 3,
              "the database names events that this log does not have",
              "artifactstore restored --reason ... begins a new epoch that says so; a snapshot of another "
              "history is dropped by artifactstore snapshot prune"),
    ErrorSpec("bytes-needed", "ST056", 409, 3,
              "another location names the same bytes",
              "they stay; to give up this claim alone: outcome detached; needed_by says who needs them"),
    ErrorSpec("foreign-view-set", "ST059", 409, 3,
              "the schema is not a view set of this software",
              "only plain tables of the owner role are read with its rights: drop what others made there, "
              "or give it another name (ALTER SCHEMA ... RENAME TO ...)"),
    ErrorSpec("bad-schema-name", "ST060", 422, 2,
              "the schema cannot have this name",
              "1 to 63 bytes, and not as the schemas of PostgreSQL itself begin"),
    ErrorSpec("views-damaged", "ST061", 500, 6,
              "a row that the log wrote is missing in the views",
              "run artifactstore verify, then artifactstore replay"),
    ErrorSpec("moved", "ST063", 503, 3,
              "this database is not the home of the log",
              "was it moved here on purpose and lost nothing: artifactstore adopt; is it behind what "
              "followers saw: artifactstore restored --reason ...; is it a copy to look at: leave it"),
    ErrorSpec("log-full", "ST064", 409, 3,
              "the log has no number left",
              "the last one is 9007199254740991 (2^53 - 1): begin another log"),
    ErrorSpec("bad-view-set", "ST068", 409, 3,
              "the snapshot cannot be used",
              "replay the whole log, then make a new snapshot"),
    ErrorSpec("bytes-going", "ST065", 409, 3,
              "the bytes that the location names were given up and are being removed",
              "upload them again: the copy gets a new key"),
    ErrorSpec("upload-expired", "ST069", 409, 3,
              "the bytes were uploaded too long before their event",
              "upload them again: what no event names within 7 days is collected"),
    ErrorSpec("bad-uri", "ST070", 422, 2,
              "the location names no object of a store",
              "store:<xx>/<id>, an id that this database made not long before"),
    ErrorSpec("not-retiring", "ST071", 409, 3,
              "the copy is not to go yet",
              "append v1.storage.retiring first: objects of a store are removed when the log has said so"),
    ErrorSpec("policy-applies", "ST072", 409, 3,
              "a rule gives packages like this one retention, and the event does not have it",
              "repeat the command: retention is filled in from the rules; they were set meanwhile"),
    ErrorSpec("nothing-to-export", None, 409, 3,
              "the log does not have these events",
              "artifactstore status shows where it ends"),
    ErrorSpec("export-damaged", None, 422, 6,
              "the export is damaged or not whole",
              "take another copy of it, or make it again; artifactstore verify-export checks a file"),
    ErrorSpec("unknown-export", None, 422, 2,
              "the export is of a form that this software does not know",
              "upgrade this software"),
    ErrorSpec("cursor-ahead", None, 409, 3,
              "the cursor is after the end of the log",
              "the log was restored or it is another log: begin again"),
    ErrorSpec("epoch-mismatch", None, 409, 3,
              "the log is of another epoch than the client follows",
              "it was restored: compare what was read with what it holds now, or begin again"),
    ErrorSpec("diverged", None, 409, 3,
              "the log holds another event at the cursor than the client read",
              "it lost events and went on differently: throw away what was read of it and begin again"),
    ErrorSpec("schema-outdated", None, 503, 3,
              "the database is older than this software",
              "run artifactstore migrate"),
    ErrorSpec("schema-newer", None, 503, 3,
              "the database is newer than this software",
              "upgrade this software"),
    ErrorSpec("migration-changed", None, 500, 3,
              "an applied migration has another text now",
              "a released migration never changes: restore its file, and write a new migration instead"),
    ErrorSpec("undefined-object", None, 500, 3,
              "the schema has functions or triggers that no file under sql/ defines",
              "run the commands in DETAIL, or write a migration that does, then migrate again"),
    ErrorSpec("projectors-changed", None, 503, 3,
              "the projectors changed and the views were made by the old ones",
              "artifactstore migrate without --no-replay rebuilds the views from the log"),
    ErrorSpec("migration-failed", None, 500, 70,
              "a file of migrations/ or sql/ cannot be applied to this database",
              "nothing was changed; the file, the line and the cause are in DETAIL"),
    ErrorSpec("too-many-due", None, 409, 3,
              "more packages are due than may be swept at once",
              "look at artifactstore retention due --only-due; is the clock of the database right, is each "
              "of them really to go: give a higher --max"),
    ErrorSpec("unavailable", None, 503, 5,
              "the database cannot be reached or ended the work",
              "check that it runs and takes connections, then retry"),
    ErrorSpec("database-missing", None, 503, 2,
              "there is no such database on this server",
              "name another (--database-url, DATABASE_URL), or make it, then artifactstore migrate"),
    ErrorSpec("no-server", None, 503, 2,
              "the embedded PostgreSQL cannot be run here",
              "name a server with --database-url or DATABASE_URL"),
    ErrorSpec("login-refused", None, 503, 7,
              "the server refuses this login to the database",
              "check user and password, and whom the server lets in from here"),
    ErrorSpec("read-only", None, 503, 3,
              "the database takes no writes: it is a standby, or the session is read-only",
              "write to the primary; else look for default_transaction_read_only in the URL, PGOPTIONS, the "
              "role and the database"),
    ErrorSpec("role-missing", None, 503, 7,
              "the login lacks a role that the service needs",
              "run the commands that are named as a superuser, or as who ran artifactstore migrate"),
    ErrorSpec("disk-full", None, 503, 5,
              "a disk has no room left",
              "make room where end and path say, then repeat; for the server: the runbook disk-full"),
    ErrorSpec("exhausted", None, 503, 5,
              "this machine has no files, memory or processes left to give",
              "end what uses them or raise the limit (ulimit), then repeat"),
    ErrorSpec("store-unknown", None, 404, 4,
              "no store of this name is configured here",
              "artifactstore backend list shows those that are; stores.toml names them"),
    ErrorSpec("store-mismatch", None, 409, 3,
              "the place belongs to another log, database or store",
              "nothing was written or removed: look at problem, then artifactstore backend claim, or give "
              "the store a place of its own"),
    ErrorSpec("store-unavailable", None, 503, 5,
              "the store cannot be reached or does not answer",
              "check that it runs, then retry"),
    ErrorSpec("store-full", None, 507, 5,
              "the store has no room left",
              "make room there, or lower its min_free, then repeat"),
    ErrorSpec("store-refused", None, 502, 3,
              "the store refuses",
              "its own code is in problem: check rights, locks and limits there"),
    ErrorSpec("content-unavailable", None, 503, 5,
              "no copy of the content can be read",
              "retry; if it lasts, artifactstore location list shows the copies and what is known of them"),
    ErrorSpec("content-damaged", None, 502, 6,
              "what was read is not what the log says",
              "throw it away; artifactstore location list shows the copies, artifactstore fetch --from reads "
              "another one"),
    ErrorSpec("bad-ticket", None, 422, 2,
              "the ticket is worth nothing here",
              "of bytes, good for 24 h, for its maker: upload them again, or ask /stores/{store}/known; of a "
              "report, good for 1 h: open it again from the page of its package"),
    ErrorSpec("no-content-origin", None, 409, 3,
              "reports cannot be looked at here: the service has no origin for them",
              "an operator sets ARTIFACTSTORE_CONTENT_ORIGIN; the files can be fetched all the same"),
    ErrorSpec("bad-media", None, 415, 2,
              "the body is not in a form that is kept",
              "send the bytes as they are, without Content-Encoding; many at once as application/cbor-seq"),
    ErrorSpec("slow-upload", None, 408, 5,
              "the body comes too slowly",
              "send it faster, or in parts: POST /stores/{store}/uploads"),
    ErrorSpec("range", None, 416, 2,
              "the content does not have these bytes",
              "size tells how many there are"),
    ErrorSpec("bad-sbom", None, 400, 2,
              "the file is no bill of materials that can be read",
              "give CycloneDX, SPDX 2 or SPDX 3 as JSON; problem names the place in it"),
    ErrorSpec("file", None, 400, 2,
              "a file or directory cannot be used",
              "check that the path is the one you mean, and what this user may do there"),
    ErrorSpec("output-lost", None, 500, 2,
              "the result could not be written where it was to go",
              "what the command does is done, unless it only reads: look (artifactstore audit) before you "
              "repeat it"),
    ErrorSpec("address", None, 400, 2,
              "the service cannot listen at this address",
              "choose another --host or --port; 127.0.0.1 and port 0 (any free one) always work"),
    ErrorSpec("confirmation", None, 400, 2,
              "this needs a confirmation, and nobody can be asked",
              "give --yes if it is what you want"),
    ErrorSpec("database-only", None, 400, 2,
              "this command works on the database itself",
              "run it where the database can be reached, without --url, --registry, ARTIFACTSTORE_URL and "
              "ARTIFACTSTORE_REGISTRY"),
    ErrorSpec("no-driver", None, 503, 2,
              "what works on a database is not installed here",
              "name a service with --url or --registry, or install artifactstore-pg[server]"),
    ErrorSpec("service-unreachable", None, 503, 5,
              "the service cannot be reached",
              "check the URL and that the service runs, then retry"),
    ErrorSpec("foreign-answer", None, 502, 2,
              "what answered is not this service",
              "check the URL: a proxy, a login page of the network, or another program answers there"),
    ErrorSpec("notify-queue-full", None, 503, 5,
              "the queue of notifications of the server is full, so it rolled the transaction back",
              "nothing was appended; end the session that listens and stays in a transaction: artifactstore "
              "doctor tells which; then retry"),
    ErrorSpec("bad-request", None, 400, 2,
              "the request cannot be read",
              "see /openapi.json for what this path takes"),
    ErrorSpec("unauthorized", None, 401, 7,
              "no valid access token was given",
              "Authorization: Bearer ast_…; an operator makes tokens with artifactstore token create"),
    ErrorSpec("no-such-path", None, 404, 4,
              "the service has nothing at this path",
              "see /openapi.json for its paths"),
    ErrorSpec("method-not-allowed", None, 405, 2,
              "the path does not take this method",
              "see the Allow header"),
    ErrorSpec("request-timeout", None, 408, 5,
              "the request was not complete in time",
              "send it faster, or less of it"),
    ErrorSpec("headers-too-large", None, 431, 2,
              "the head of the request is over its limit",
              "send fewer or shorter headers, or a shorter query"),
    ErrorSpec("unsupported-media-type", None, 415, 2,
              "the body is not of a type that the service reads",
              "Content-Type: application/json, without Content-Encoding"),
    ErrorSpec("overloaded", None, 503, 5,
              "too many requests are waiting",
              "retry after the seconds of the Retry-After header"),
    ErrorSpec("usage", None, 400, 2,
              "the command or request is not understood",
              "see --help"),
    ErrorSpec("internal", None, 500, 70,
              "something failed that should not",
              "this is a defect: report it with its detail"),
)
# fmt: on

ERRORS: Mapping[str, ErrorSpec] = {spec.name: spec for spec in _SPECS}
"""Every error by name."""

_UNLISTED = "ST000"
"""Raised by ``artifactstore.refuse`` where error_codes lacks the refusal: its name is in DETAIL."""

BY_SQLSTATE: Mapping[str, ErrorSpec] = {spec.sqlstate: spec for spec in _SPECS if spec.sqlstate is not None}
"""Those that SQL raises, by SQLSTATE."""


class ArtifactstoreError(Exception):
    """An error of ``ERRORS``, with what is particular to this one in ``detail``.

    Args:
        code: its name in ``ERRORS``.
        detail: JSON-compatible facts, as the DETAIL of the SQL error; ``problem`` is a phrase for people.
        hint: what to do, when better is known than the hint of the code.
        sqlstate: the SQLSTATE that the database gave, when it is not that of the code.
    """

    def __init__(
        self,
        code: str,
        detail: Mapping[str, object] | None = None,
        hint: str | None = None,
        sqlstate: str | None = None,
    ) -> None:
        super().__init__(code, detail, hint, sqlstate)
        spec = ERRORS[code]
        self.code = code
        self.detail: dict[str, object] = {**(detail or {}), "code": code}
        self.hint = hint or spec.hint
        self.sqlstate = sqlstate or spec.sqlstate
        self.status = spec.http_status
        self.exit_code = spec.exit_code
        problem = self.detail.get("problem")
        self.message = f"{code}: {spec.message}" + (f": {problem}" if problem else "")

    def __str__(self) -> str:
        return self.message


class BadInput(ArtifactstoreError):
    """What was given cannot be used, whatever the state of the log."""


class Refused(ArtifactstoreError):
    """The state of the log does not allow it."""


class NotFound(Refused):
    """The subject does not exist."""


class Forbidden(ArtifactstoreError):
    """This role may not do it."""


class Busy(ArtifactstoreError):
    """Nothing was appended; the same command may succeed when it is repeated."""


class Damaged(ArtifactstoreError):
    """The log or its database is damaged."""


_EXCEPTIONS: Mapping[int, type[ArtifactstoreError]] = {
    EXIT_BAD_INPUT: BadInput,
    EXIT_REFUSED: Refused,
    EXIT_NOT_FOUND: NotFound,
    EXIT_RETRY: Busy,
    EXIT_DAMAGED: Damaged,
    EXIT_FORBIDDEN: Forbidden,
    EXIT_INTERNAL: ArtifactstoreError,
}

# SQLSTATEs and classes of PostgreSQL itself (Appendix A of its manual) that mean something here.
_FOREIGN: Mapping[str, str] = {
    "08": "unavailable",  # connection exceptions
    "25006": "read-only",  # read-only transaction: a standby, or a setting
    "25P03": "unavailable",  # idle in transaction for too long
    "25P04": "unavailable",  # transaction timeout
    "28": "login-refused",
    "3D": "database-missing",
    "3F": "schema-outdated",  # no such schema
    "40": "busy",  # serialization failure, deadlock
    "42501": "forbidden",
    "42883": "schema-outdated",  # no such function
    "42P01": "schema-outdated",  # no such table
    "53": "unavailable",  # out of memory or connections
    "53100": "disk-full",
    "54": "too-large",
    "55006": "busy",  # object in use
    "55P03": "busy",
    "57": "unavailable",  # cancelled, shut down, starting up
    "57P04": "database-missing",  # dropped under the session
    "58": "unavailable",  # system errors
    "XX001": "log-damaged",
    "XX002": "log-damaged",
}


OUTER_CAUSES = ("busy", "unavailable", "forbidden", "read-only", "disk-full", "database-missing")
"""What says what it means by itself, whatever statement of a migration met it."""
_LIMIT, _NOTIFIES = "54000", "PreCommit_Notify"
"""SQLSTATE of a full queue of notifications, which other limits have too, and where the server raises it."""


def error(code: str, detail: Mapping[str, object] | None = None) -> ArtifactstoreError:
    """The exception for a code of ``ERRORS``, in the class that fits it."""
    return _EXCEPTIONS[ERRORS[code].exit_code](code, detail)


def translate(failure: "psycopg.Error") -> ArtifactstoreError:
    """What a failure of the database means, judged by its SQLSTATE, never by its text.

    A failure without one (no connection, connection lost; a command whose result was followed by an error,
    as by a timeout in its last moment: psycopg keeps neither) is ``unavailable``; a SQLSTATE that means
    nothing here is ``internal``.
    """
    import psycopg

    detail: dict[str, object] = {"problem": (failure.diag.message_primary or str(failure)).strip()}
    if failure.sqlstate == "53100":
        detail["end"] = "server"
    if failure.sqlstate in BY_SQLSTATE or failure.sqlstate == _UNLISTED:
        detail = json.loads(failure.diag.message_detail or "{}")
    if failure.sqlstate == _LIMIT and failure.diag.source_function == _NOTIFIES:
        return error("notify-queue-full", detail)
    if failure.sqlstate is None:
        ended = isinstance(failure, psycopg.OperationalError | psycopg.InternalError)
        return error("unavailable" if ended else "internal", detail)
    return by_sqlstate(failure.sqlstate, detail, failure.diag.message_hint)


def by_sqlstate(sqlstate: str, detail: Mapping[str, object], hint: str | None = None) -> ArtifactstoreError:
    """The exception for a SQLSTATE; ``hint``: another one than that of its code."""
    own = BY_SQLSTATE.get(sqlstate)
    if sqlstate == _UNLISTED:
        own = ERRORS.get(str(detail.get("code")))
    code = own.name if own else _FOREIGN.get(sqlstate) or _FOREIGN.get(sqlstate[:2], "internal")
    return _EXCEPTIONS[ERRORS[code].exit_code](code, detail, hint, sqlstate)


@contextmanager
def translated() -> Iterator[None]:
    """Raise what the database raises inside as an ``ArtifactstoreError``."""
    import psycopg

    try:
        yield
    except psycopg.Error as failure:
        raise translate(failure) from failure
