"""Short answers that commands need: who asks, what time it is, what a package holds, why it is kept."""

from typing import Any

from artifactstore.codec import MAX_INTEGER
from artifactstore.events.kinds import Bool, Int, Text, Time
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import LIMIT, MIN_SEQUENCE, Answer, Call, Endpoint
from artifactstore.http.reads import many, page
from artifactstore.http.web.answers import (
    COUNT,
    ID,
    SEQUENCE,
    TEXT,
    TIME,
    array,
    maybe,
    one_of,
    record,
    ref,
    shown,
)
from artifactstore.http.web.json import exact
from artifactstore.http.web.request import Parameter
from artifactstore.http.write.commands import PACKAGE_ID
from artifactstore.store import Store
from artifactstore.words import LOCATION_STATES


async def _whoami(call: Call) -> Answer:
    who = call.who
    return Answer({"actor": who.actor, "role": who.role.name.lower(), "token_id": who.token_id})


async def _clock(call: Call) -> Answer:
    return Answer({"now": await call.read(lambda store: store.log.clock())})


async def _canonical_purl(call: Call) -> Answer:
    return Answer({"purl": await call.read(lambda store: store.packages.canonical_purl(call.query["purl"]))})


async def _totals(call: Call) -> Answer:
    package_id = call.id("package_id")

    def read(store: Store) -> dict[str, Any]:
        store.packages.package(package_id)
        totals = store.packages.package_totals(package_id)
        return {**totals, "bytes": exact(totals["bytes"])}

    return Answer(await call.read(read))


async def _retention_history(call: Call) -> Answer:
    package_id = call.id("package_id")

    def read(store: Store) -> Answer:
        store.packages.package(package_id)
        rows = store.log.retention_history(package_id, call.query["after"] or 0, call.query["limit"] + 1)
        return page(call, {}, "events", rows, shown("RetentionEvent"), lambda row: row["sequence"])

    return await call.read(read)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/whoami",
        role=Role.READER,
        tag="tokens",
        summary="Who asks: the actor of what is done with this token, and what it allows",
        handle=_whoami,
        answer=record(
            "The token that was used.",
            actor=TEXT,
            role=one_of(*(role.name.lower() for role in Role)),
            token_id=ID,
        ),
    ),
    Endpoint(
        method="GET",
        path="/clock",
        role=Role.READER,
        tag="operation",
        summary="The clock of the database, which decides what is due",
        handle=_clock,
        answer=record("What time it is.", now=TIME),
        query=(MIN_SEQUENCE,),
    ),
    Endpoint(
        method="GET",
        path="/canonical-purl",
        role=Role.READER,
        tag="packages",
        summary="How a purl is written in the log",
        handle=_canonical_purl,
        answer=record("The canonical form, whether or not there is such a package.", purl=TEXT),
        query=(
            Parameter("purl", Text(max=1024), "the purl in any valid spelling", required=True),
            MIN_SEQUENCE,
        ),
        refusals=("invalid-purl",),
    ),
    Endpoint(
        method="GET",
        path="/packages/{package_id}/totals",
        role=Role.READER,
        tag="packages",
        summary="What a package holds now: live files, their bytes, and copies by state",
        handle=_totals,
        answer=record(
            "Figures.",
            files=COUNT,
            bytes=COUNT,
            locations={
                "type": "object",
                "propertyNames": one_of(*LOCATION_STATES),
                "additionalProperties": COUNT,
            },
        ),
        path_parameters=(PACKAGE_ID,),
        query=(MIN_SEQUENCE,),
        refusals=("not-found",),
    ),
    Endpoint(
        method="GET",
        path="/packages/{package_id}/retention/history",
        role=Role.READER,
        tag="retention",
        summary="Every event that set, changed or held the retention of a package, the oldest first",
        handle=_retention_history,
        answer=record("A page.", events=array(ref("RetentionEvent")), next=maybe(SEQUENCE)),
        path_parameters=(PACKAGE_ID,),
        query=(
            Parameter("after", Int(max=MAX_INTEGER), "only above this sequence: next of the page before"),
            LIMIT,
            MIN_SEQUENCE,
        ),
        refusals=("not-found",),
    ),
    many(
        "DuePackage",
        "packages",
        "package_id",
        "/retention/due",
        "Which packages may be deleted or purged because their retention ended, and why the others may not",
        tag="retention",
        find=lambda store, call, limit: store.retention.due(
            call.query["at"], due=call.query["due"], after=call.query["after"], limit=limit
        ),
        doc="By id. action is what comes next; why is lapsed, or why not.",
        query=(
            Parameter("at", Time(), "due at this time; default: now, by the clock of the database"),
            Parameter("due", Bool(), "true: only those that are due; false: only the others"),
        ),
    ),
)
