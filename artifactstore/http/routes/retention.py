"""Retention and legal holds."""

from collections.abc import Iterator, Mapping
from typing import Any

from artifactstore.codec import MAX_INTEGER
from artifactstore.errors import Refused
from artifactstore.events import models
from artifactstore.events.kinds import Bool, Int, Text
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import MIN_SEQUENCE, Answer, Call, Endpoint
from artifactstore.http.reads import many, one
from artifactstore.http.web.answers import (
    BOOL,
    COUNT,
    ID,
    SEQUENCE,
    TEXT,
    TIME,
    array,
    maybe,
    one_of,
    record,
)
from artifactstore.http.web.request import Parameter
from artifactstore.http.write.commands import PACKAGE_ID, CommandSpec, made
from artifactstore.store import Row, Store, Verdict
from artifactstore.verdicts import COMMANDS
from artifactstore.words import MODES, PACKAGE_STATES


def _current_until(store: Store, call: Call) -> dict[str, Any]:
    until = store.packages.retention(call.id("package_id"))["retain_until"]
    if until is None:
        raise Refused("retention-changed", {"problem": "the package has no retention"})
    return {"from_": until}


def _holds(store: Store, call: Call, limit: int) -> Iterator[Row]:
    package_id = call.id("package_id")
    store.packages.package(package_id)
    return store.pages.hold_page(package_id, call.query["after"], limit)


def _all_holds(store: Store, call: Call, limit: int) -> Iterator[Row]:
    query = call.query
    return store.pages.all_holds(query["case"], query["after"], limit, in_force=query["in_force"])


async def _explain(call: Call) -> Answer:
    found = await call.read(lambda store: store.retention.explain_retention(call.id("package_id")))
    return Answer(explanation(found))


def explanation(found: Mapping[str, Any]) -> dict[str, Any]:
    """What keeps a package, told from what ``Store.explain_retention`` gives."""
    now, until = found["now"], found["retain_until"]
    held = found["hold_count"] > 0
    retained = found["mode"] != "none" and now < until
    purged = found["state"] == "purged"
    purgeable_from = None if held or purged else until if retained else now
    kept_by = [
        event
        for event in found["events"]
        if (held if event["event_type"] == "v1.retention.hold_placed" else retained)
    ]
    return {
        "package_id": found["package_id"],
        "state": found["state"],
        "now": now,
        "destroyable": not (held or retained or purged),
        "operator_may_bypass": retained and not held and found["mode"] == "governance",
        "purgeable_from": purgeable_from,
        "mode": found["mode"],
        "retain_until": until,
        "holds": found["hold_count"],
        "because": kept_by,
        "told": _told(found, held=held, retained=retained, purged=purged),
    }


def _told(found: Mapping[str, Any], *, held: bool, retained: bool, purged: bool) -> str:
    if purged:
        return "The package is purged already."
    told = []
    if held:
        told.append(f"{found['hold_count']} legal hold(s) in force: each must be released first.")
    if retained:
        who = "operators may bypass it" if found["mode"] == "governance" else "nobody may bypass it"
        told.append(f"Retention in {found['mode']} mode is in force until retain_until; {who}.")
    if not told:
        return "Nothing keeps the package: it can be deleted now, and purged when it is deleted."
    return " ".join(told)


async def _commands(call: Call) -> Answer:
    package_id = call.id("package_id")

    def read(store: Store) -> list[Verdict]:
        store.packages.package(package_id)
        return store.overviews.verdicts(package_id)

    found = await call.read(read, scratch=True)
    return Answer({"package_id": package_id, "commands": [verdict._asdict() for verdict in found]})


_KEEPING = record(
    "An event that keeps the package.",
    sequence=SEQUENCE,
    created_at=TIME,
    event_type=TEXT,
    actor=TEXT,
    payload={"type": "object"},
)

_COMMAND = record(
    "A command.",
    event_type=one_of(*COMMANDS),
    refusal=maybe({"type": "object"}),
    bypass=BOOL,
)

ENDPOINTS = (
    one(
        "Retention",
        "/packages/{package_id}/retention",
        "How long a package must be kept",
        tag="retention",
        key=PACKAGE_ID,
        find=lambda store, package_id: store.packages.retention(package_id),
    ),
    Endpoint(
        method="GET",
        path="/packages/{package_id}/retention/explain",
        role=Role.READER,
        tag="retention",
        summary="Which events keep a package, and from when it could be purged",
        doc="purgeable_from is null while a hold is in force, whose end nobody knows, and when the package "
        "is purged. now is the clock of the database, which decides. because has the first 1,000 of them, "
        "holds tells how many there are.",
        handle=_explain,
        answer=record(
            "Why a package is kept.",
            package_id=ID,
            state=one_of(*PACKAGE_STATES),
            now=TIME,
            destroyable=BOOL,
            operator_may_bypass=BOOL,
            purgeable_from=maybe(TIME),
            mode=one_of(*MODES),
            retain_until=maybe(TIME),
            holds=COUNT,
            because=array(_KEEPING),
            told=TEXT,
        ),
        path_parameters=(PACKAGE_ID,),
        query=(MIN_SEQUENCE,),
        refusals=("not-found",),
    ),
    Endpoint(
        method="GET",
        path="/packages/{package_id}/commands",
        role=Role.READER,
        tag="retention",
        summary="What may be done with a package now, and why not",
        doc="Each command, by the type of the event that it appends, is tried by the rules themselves, on a "
        "copy of the package that is thrown away. refusal is what the command would be told, with its facts; "
        "null: it is allowed. bypass: operators may bypass the refusal, with bypass_governance.",
        handle=_commands,
        answer=record("Commands.", package_id=ID, commands=array(_COMMAND)),
        path_parameters=(PACKAGE_ID,),
        query=(MIN_SEQUENCE,),
        refusals=("not-found", "read-only"),
    ),
    CommandSpec(
        models.RetentionApplied,
        "/packages/{package_id}/retention",
        "Keep a package until an instant",
        refusals=("not-found", "purged", "retention-active", "not-future"),
    ).endpoint(),
    CommandSpec(
        models.RetentionExtended,
        "/packages/{package_id}/retention/extend",
        "Make retention longer",
        known=_current_until,
        optional=("from",),
        refusals=("not-found", "retention-changed", "not-later"),
    ).endpoint(),
    CommandSpec(
        models.RetentionEscalated,
        "/packages/{package_id}/retention/escalate",
        "Turn governance into compliance",
        refusals=("not-found", "wrong-mode"),
    ).endpoint(),
    CommandSpec(
        models.RetentionShortened,
        "/packages/{package_id}/retention/shorten",
        "Make governance retention shorter",
        known=_current_until,
        optional=("from",),
        refusals=("not-found", "compliance-locked", "retention-changed", "not-earlier"),
    ).endpoint(),
    many(
        "Hold",
        "holds",
        "hold_id",
        "/packages/{package_id}/holds",
        "Legal holds of a package, also released ones, oldest first",
        tag="retention",
        find=_holds,
        path_parameters=(PACKAGE_ID,),
    ),
    many(
        "PlacedHold",
        "holds",
        "created_sequence",
        "/holds",
        "Legal holds of all packages, also released ones, oldest first",
        tag="retention",
        doc="To release all of a case, release each: ask for a page of those in force, release each of them "
        "by the path of its package, and ask again until the page is empty.",
        find=_all_holds,
        query=(
            Parameter("case", Text(max=255), "only those of this case, exactly so"),
            Parameter("in_force", Bool(), "whether to leave out released ones", default=False),
        ),
        after=Parameter(
            "after", Int(max=MAX_INTEGER), "created_sequence of the last hold of the page before: its next"
        ),
    ),
    CommandSpec(
        models.HoldPlaced,
        "/packages/{package_id}/holds",
        "Place a legal hold",
        location="/packages/{}/holds",
        makes=made("hold_id", "the hold"),
        refusals=("not-found", "purged", "hold-exists"),
    ).endpoint(),
    CommandSpec(
        models.HoldReleased,
        "/packages/{package_id}/holds/{hold_id}/release",
        "Release a legal hold",
        refusals=("not-found", "no-such-hold"),
    ).endpoint(),
)
