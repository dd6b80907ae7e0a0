"""What to do about an error, in the terms of the door through which it is told.

``ErrorSpec.hint`` speaks to people in psql, as the table ``error_codes`` has it. Who came by another door
cannot run SQL: here is what differs there. Tests keep SQL out of both, and the commands that are named real.
"""

from collections.abc import Mapping
from typing import Literal

from artifactstore.errors import ERRORS, ArtifactstoreError

Door = Literal["cli", "http"]

# fmt: off
_HTTP: Mapping[str, str] = {
    "bad-payload": "/openapi.json has the fields that this path takes; what is wrong is in detail",
    "unknown-event-type": "/openapi.json lists the event types; a newer log needs a newer service",
    "not-found": "check the id, and that it was created before",
    "too-large": "limit is the bound that was passed; split the request",
    "name-taken": "a purl is never used twice, not even after a purge; package_id has it: choose another one",
    "manifest-changed": "read the manifest again (GET …/manifest), then repeat the request",
    "no-change": "read the package again (GET /packages/{package_id})",
    "legal-hold": "release every hold first: GET /packages/{package_id}/holds lists them",
    "retention-active": "wait until retain_until; under governance, operators may send bypass_governance",
    "retention-changed": "read it again (GET /packages/{package_id}/retention), then repeat the request",
    "no-such-hold": "GET /packages/{package_id}/holds lists those in force",
    "wrong-epoch": "GET /log has the epochs",
    "changed": "read it again, decide, repeat with its new ETag in If-Match",
    "wrong-isolation": "this is a defect of the service: report it with its request_id",
    "busy": "retry; if it lasts, an operator finds who holds the log with artifactstore doctor",
    "append-only": "append an event that corrects it",
    "direct-write": "append an event that changes it",
    "log-damaged": "tell an operator: artifactstore verify says what is damaged",
    "stale-views": "an operator must run artifactstore replay; then repeat the request",
    "no-such-view-set": "an operator sees them with artifactstore snapshot list",
    "view-set-in-use": "an operator must drop what depends on it first",
    "schema-outdated": "an operator must run artifactstore migrate",
    "undefined-object": "an operator must run the commands that artifactstore migrate tells",
    "migration-failed": "nothing was changed; artifactstore migrate tells an operator file, line and cause",
    "usage": "see /openapi.json for what this path takes",
    "database-missing": "an operator must name the right database, or make it; then repeat the request",
    "login-refused": "an operator must let the service log in; then repeat the request",
    "role-missing": "an operator must run the commands that are named; then repeat the request",
    "read-only": "the service writes to a standby or in a read-only session: an operator must lead it to the "
                 "primary",
    "disk-full": "nothing was appended; an operator must make room, then repeat the request",
    "exhausted": "retry; if it lasts, an operator must raise the limits of the service",
}
_CLI: Mapping[str, str] = {
    "bad-payload": "docs/reference/events.md has the fields of each type; what is wrong is in problem",
    "unknown-event-type": "docs/reference/events.md lists the types; a newer log needs newer software: "
                          "upgrade, then artifactstore migrate",
    "not-found": "artifactstore package list shows packages, artifactstore package files the files of one",
    "too-large": "limit is the bound that was passed; do it in several commands",
    "name-taken": "a purl is never used twice, not even after a purge; choose another version: "
                  "artifactstore package show tells who has it",
    "not-open": "only open packages take or lose files: artifactstore package create makes a new one",
    "manifest-changed": "files came or went meanwhile: repeat the command",
    "no-change": "artifactstore package show tells how it is",
    "wrong-state": "open or sealed packages can be deleted, deleted ones restored or purged: "
                   "artifactstore package show",
    "legal-hold": "release every hold first: artifactstore retention show lists them, "
                  "artifactstore retention release ends one",
    "retention-active": "wait until retain_until; when mode is governance, operators may give "
                        "--bypass-governance",
    "path-taken": "artifactstore package remove-file frees the path; or choose another one",
    "digest-mismatch": "a copy must be the same bytes: artifactstore check-files reads what is stored",
    "location-taken": "use that location: artifactstore location list",
    "retired": "register the copy again: artifactstore location add",
    "last-good-copy": "register another copy first: artifactstore location add",
    "retention-changed": "artifactstore retention show tells how it is; repeat the command",
    "not-later": "give a later instant; to make it end earlier: artifactstore retention shorten",
    "not-earlier": "give an earlier instant; to make it end later: artifactstore retention extend",
    "wrong-mode": "only active governance retention can be escalated: artifactstore retention show",
    "hold-exists": "artifactstore retention hold makes a new hold id each time",
    "no-such-hold": "artifactstore retention show lists those in force",
    "wrong-epoch": "artifactstore status tells the epoch",
    "changed": "read it again, decide, repeat with its new last_sequence in --expected",
    "wrong-isolation": "this is a defect: report it with its detail",
    "busy": "retry; if it lasts, artifactstore doctor tells who holds the log",
    "append-only": "append an event that corrects it: artifactstore append",
    "direct-write": "append an event that changes it: artifactstore append",
    "no-such-view-set": "artifactstore snapshot list shows them",
    "schema-taken": "choose another name; artifactstore snapshot drop removes what artifactstore as-of made",
    "view-set-in-use": "drop what depends on it first; in artifactstore psql, \\d+ shows it",
    "undefined-object": "run the commands in problem in artifactstore psql, or write a migration that does, "
                        "then artifactstore migrate",
    "migration-failed": "nothing was changed; the file, the line and the cause are in problem",
}
# fmt: on

_BY_DOOR: Mapping[Door, Mapping[str, str]] = {"cli": _CLI, "http": _HTTP}


def hint_of(failure: ArtifactstoreError, door: Door) -> str:
    """What to do about a failure: what was found out about this one, else what its code says at the door."""
    spec = ERRORS[failure.code]
    foreign = failure.sqlstate not in (None, spec.sqlstate)
    # What PostgreSQL itself advises is about SQL.
    if failure.hint != spec.hint and not (foreign and door == "http"):
        return failure.hint
    return hint_at(failure.code, door)


def hint_at(code: str, door: Door) -> str:
    """What to do about an error of this code, at a door."""
    return _BY_DOOR[door].get(code, ERRORS[code].hint)
