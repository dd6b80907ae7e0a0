"""What answers hold: their JSON Schema, and rows and events in that form."""

from collections.abc import Callable, Iterable
from typing import Any

from artifactstore.access import ROLES
from artifactstore.events import Event, Origin
from artifactstore.events.fields import fields_of, shown_object_schema
from artifactstore.events.kinds import Schema
from artifactstore.store import Row
from artifactstore.words import (
    FILE_STATES,
    KEPT_LOCATION_STATES,
    LOCATION_STATES,
    MODES,
    PACKAGE_STATES,
    RESTORABLE_STATES,
    RETENTION_MODES,
    RETIRE_OUTCOMES,
    SUBJECT_KINDS,
)

ID: Schema = {"type": "string", "format": "uuid"}
TIME: Schema = {"type": "string", "format": "date-time"}
HEX: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
DIGEST: Schema = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
"""The identity of an event: see ``artifactstore.leaves``."""
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
SEQUENCE: Schema = {"type": "integer", "minimum": 1}
BOOL: Schema = {"type": "boolean"}
LABELS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}


def ref(name: str) -> Schema:
    """A reference to a shared schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def maybe(schema: Schema) -> Schema:
    """The schema, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(*values: str) -> Schema:
    """One of these texts."""
    return {"type": "string", "enum": list(values)}


def array(schema: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": schema}


def record(doc: str, **properties: Schema) -> Schema:
    """An object that has exactly these members."""
    return {
        "type": "object",
        "description": doc,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_ROW = {"created_sequence": SEQUENCE, "last_sequence": SEQUENCE}
_CHANGED_ROW = {**_ROW, "changed_sequence": SEQUENCE}

_FILE: dict[str, Schema] = {
    "file_id": ID,
    "package_id": ID,
    "path": TEXT,
    "size": COUNT,
    "blake3": HEX,
    "sha256": maybe(HEX),
    "media_type": maybe(TEXT),
    "state": one_of(*FILE_STATES),
    "ingested_at": TIME,
    "last_verified_at": maybe(TIME),
    "removed_at": maybe(TIME),
    **_CHANGED_ROW,
}

_HOLD: dict[str, Schema] = {
    "package_id": ID,
    "hold_id": ID,
    "case_ref": TEXT,
    "reason": TEXT,
    "placed_by": TEXT,
    "placed_at": TIME,
    "released_by": maybe(TEXT),
    "released_at": maybe(TIME),
    **_ROW,
}

_LOCATION: dict[str, Schema] = {
    "location_id": ID,
    "file_id": ID,
    "package_id": ID,
    "backend": TEXT,
    "uri": TEXT,
    "state": one_of(*LOCATION_STATES),
    "failure": maybe(TEXT),
    "checks": COUNT,
    "failures": COUNT,
    "registered_at": TIME,
    "last_checked_at": maybe(TIME),
    "last_verified_at": maybe(TIME),
    "retiring_at": maybe(TIME),
    "retired_at": maybe(TIME),
    "retire_outcome": maybe(one_of(*RETIRE_OUTCOMES)),
    **_CHANGED_ROW,
}

_POLICY: dict[str, Schema] = {
    "place": SEQUENCE,
    "name": TEXT,
    "mode": one_of(*RETENTION_MODES),
    "days": SEQUENCE,
    "purl_type": maybe(TEXT),
    "purl_prefix": maybe(TEXT),
    "media_type": maybe(TEXT),
    "labels": maybe(LABELS),
}

SCHEMAS: dict[str, Schema] = {
    "Package": record(
        "A package as the log left it.",
        package_id=ID,
        purl=TEXT,
        type=TEXT,
        namespace=maybe(TEXT),
        name=TEXT,
        version=maybe(TEXT),
        media_type=maybe(TEXT),
        state=one_of(*PACKAGE_STATES),
        prior_state=maybe(one_of(*RESTORABLE_STATES)),
        yanked=BOOL,
        producer=TEXT,
        labels=LABELS,
        manifest_digest=maybe(HEX),
        file_count=maybe(COUNT),
        total_bytes=maybe(COUNT),
        created_at=TIME,
        sealed_at=maybe(TIME),
        deleted_at=maybe(TIME),
        purged_at=maybe(TIME),
        **_ROW,
    ),
    "File": record("A file of a package.", **_FILE),
    "PlacedFile": record("A file, and the purl of its package.", **_FILE, purl=TEXT),
    "FileWithCopies": record(
        "A file of a package, and its copies that are not retired.", **_FILE, locations=array(ref("Location"))
    ),
    "PlacedFileWithCopies": record(
        "A file, the purl of its package, and its copies that are not retired.",
        **_FILE,
        purl=TEXT,
        locations=array(ref("Location")),
    ),
    "Location": record(
        "A place where a copy of a file is stored. Whether its bytes may be removed while it is retiring, "
        "/removals tells.",
        **_LOCATION,
    ),
    "Copy": record(
        "A place where a copy of a file is stored, and what becomes of its bytes. removal, while state is "
        "retiring: remove the bytes, then retire it as deleted (not_found if they were not there); detach: "
        "other locations need the bytes, leave them and retire it as detached; wait: other locations that "
        "are retiring, too, are to be detached first. Else null.",
        **_LOCATION,
        path=TEXT,
        purl=TEXT,
        removal=maybe(one_of("remove", "detach", "wait")),
        needed_by=maybe(
            record(
                "The first of the other locations that name the same bytes and are not retired.",
                location_id=ID,
                file_id=ID,
                package_id=ID,
                purl=TEXT,
                state=one_of(*KEPT_LOCATION_STATES),
                more=COUNT,
            )
        ),
    ),
    "CheckableCopy": record(
        "A copy, and what its bytes must be.",
        location_id=ID,
        file_id=ID,
        package_id=ID,
        backend=TEXT,
        uri=TEXT,
        changed_sequence=SEQUENCE,
        path=TEXT,
        size=COUNT,
        blake3=HEX,
        last_checked_at=maybe(TIME),
    ),
    "DuePackage": record(
        "What retention says about destroying a package.",
        package_id=ID,
        purl=TEXT,
        state=one_of(*PACKAGE_STATES),
        mode=maybe(one_of(*MODES)),
        retain_until=maybe(TIME),
        holds=maybe(COUNT),
        due=BOOL,
        action=maybe(one_of("delete", "purge")),
        why=TEXT,
    ),
    "RetentionEvent": record(
        "An event that set, changed or held retention.",
        sequence=SEQUENCE,
        created_at=TIME,
        actor=TEXT,
        on_behalf_of=maybe(TEXT),
        action=TEXT,
        mode=maybe(one_of(*MODES)),
        retain_until_before=maybe(TIME),
        retain_until=maybe(TIME),
        hold_id=maybe(ID),
        case_ref=maybe(TEXT),
        reason=maybe(TEXT),
    ),
    "Retention": record(
        "How long a package must be kept.",
        package_id=ID,
        mode=one_of(*MODES),
        retain_until=maybe(TIME),
        policy=maybe(TEXT),
        hold_count=COUNT,
        extensions=COUNT,
        last_actor=TEXT,
        **_ROW,
    ),
    "Hold": record("A legal hold, in force until it is released.", **_HOLD),
    "PlacedHold": record("A legal hold, and the purl of the package that it holds.", **_HOLD, purl=TEXT),
    "Token": record(
        "An access token, without its secret.",
        token_id=ID,
        actor=TEXT,
        roles=array(one_of(*ROLES)),
        state=one_of("good", "expired", "revoked"),
        issued_sequence=SEQUENCE,
        issued_at=TIME,
        issued_by=TEXT,
        expires_at=maybe(TIME),
        revoked_sequence=maybe(SEQUENCE),
        revoked_at=maybe(TIME),
    ),
    "Policy": record(
        "A rule that gives new packages their retention. A condition that is null holds for all.", **_POLICY
    ),
    "JudgedPolicy": record(
        "A rule, whether it is the one that a package would get, and which of its conditions are unmet.",
        **_POLICY,
        applies=BOOL,
        unmet=array(one_of("purl_type", "purl_prefix", "media_type", "labels")),
    ),
    "AuditEvent": record(
        "Who did what, to what, when. Package, purl and path are those of today, null where there is none.",
        sequence=SEQUENCE,
        created_at=TIME,
        actor=TEXT,
        on_behalf_of=maybe(TEXT),
        action=TEXT,
        result=one_of("applied"),
        subject_kind=one_of(*SUBJECT_KINDS),
        subject_id=maybe(ID),
        package_id=maybe(ID),
        purl=maybe(TEXT),
        reason=maybe(TEXT),
        path=maybe(TEXT),
        backend=maybe(TEXT),
        uri=maybe(TEXT),
        retain_until=maybe(TIME),
        hold_id=maybe(ID),
        payload={"type": "object"},
    ),
    "Event": record(
        "An event of the log.",
        sequence=SEQUENCE,
        created_at=TIME,
        event_type=TEXT,
        subject_kind=one_of(*SUBJECT_KINDS),
        subject_id=maybe(ID),
        actor=TEXT,
        payload={"type": "object"},
        payload_digest={"type": "string", "pattern": "^blake3:[0-9a-f]{64}$"},
    ),
}
"""Shared schemas by name; those of event types are made by ``event_schema``."""


def shown(name: str) -> Callable[[Row], dict[str, Any]]:
    """Turns a row into the object of a shared schema."""
    columns = list(SCHEMAS[name]["properties"])
    return lambda row: {column: row[column] for column in columns}


def page_schema(name: str, items: str, cursor: Schema) -> Schema:
    """A page of rows: ``next`` is what ``after`` must be for the next page, null on the last."""
    return record("A page.", **{items: array(ref(name)), "next": maybe(cursor)})


def payload_schema(model: type[Event]) -> Schema:
    """The payload of an event type as answers show it."""
    return shown_object_schema((*fields_of(model), *fields_of(Origin))) | {"description": model.__doc__}


def event_schema(model: type[Event]) -> Schema:
    """The event that a command answers with."""
    return {
        "allOf": [
            ref("Event"),
            {
                "properties": {
                    "event_type": {"const": model.event_type},
                    "payload": ref(f"Payload.{model.event_type}"),
                }
            },
        ]
    }


def payload_schemas(models: Iterable[type[Event]]) -> dict[str, Schema]:
    """Schemas of payloads by the names that ``event_schema`` refers to."""
    return {f"Payload.{model.event_type}": payload_schema(model) for model in models}
