"""Access tokens: operators make, list and revoke them."""

from datetime import datetime
from typing import Any

from artifactstore.access import ROLES, AccessToken, new_token
from artifactstore.codec import Problem
from artifactstore.events import TokenIssued, TokenRevoked, from_payload, new_id
from artifactstore.events.fields import Field, SomeOf
from artifactstore.events.kinds import Text, Time
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.reads import many
from artifactstore.http.web.answers import ID, SEQUENCE, TEXT, TIME, array, maybe, one_of, record
from artifactstore.http.web.request import bad_payload
from artifactstore.http.write.commands import REASON, path_id
from artifactstore.http.write.group_append import Work
from artifactstore.http.write.landing import carry_out, read_back, replayed, request_of
from artifactstore.store import Appended, Store

_ROLES = SomeOf("what it allows", items=Text(enum=ROLES), max_items=len(ROLES))
_TOKEN_ID = path_id("token_id", "the token")


async def _issue(call: Call) -> Answer:
    holder: str = call.body["actor"]
    event = TokenIssued(
        token_id=new_id(),
        roles=call.body["roles"],
        expires=call.body.get("expires"),
        reason=call.body.get("reason") or f"for {holder}",
    )
    made = new_token(event.token_id)

    def job(store: Store) -> list[Appended]:
        _check_expiry(store, event.expires)
        request = request_of(call, 1)
        return [store.tokens.issue_token(event, call.actor, holder, made.secret_hash, request)]

    (issued,) = await carry_out(call, Work(job=job, job_types=(event.event_type,)))
    if not issued.appended:
        return await _issued_before(call, issued)
    return _issued(call, issued, event, holder, made)


def _check_expiry(store: Store, expires: datetime | None) -> None:
    if expires is not None and expires <= store.log.clock():
        raise bad_payload(Problem("must be in the future", "expires"))


async def _issued_before(call: Call, issued: Appended) -> Answer:
    """The answer to a repeated request: everything but the secret, which is not known any more."""
    (logged,) = await read_back(call, [issued])
    event, _ = from_payload(logged.event_type, logged.payload)
    if not isinstance(event, TokenIssued):
        raise TypeError(f"the request appended {event.event_type}")
    token = await call.service.read(lambda store: store.tokens.find_token(event.token_id))
    return _issued(call, issued, event, token.actor if token is not None else "", None)


def _issued(
    call: Call, issued: Appended, event: TokenIssued, holder: str, made: AccessToken | None
) -> Answer:
    value: dict[str, Any] = {
        "sequence": issued.sequence,
        "created_at": issued.created_at,
        "token_id": event.token_id,
        "actor": holder,
        "roles": event.roles,
        "expires_at": event.expires,
        "token": made and made.text,
    }
    return Answer(value, 201, replayed(call))


async def _revoke(call: Call) -> Answer:
    token_id = call.id("token_id")
    event = TokenRevoked(token_id=token_id, reason=call.body.get("reason"))
    work = Work(
        job=lambda store: [store.tokens.revoke_token(event, call.actor, request_of(call, 1))],
        job_types=(event.event_type,),
    )
    (revoked,) = await carry_out(call, work)
    call.guard.forget(token_id)
    value = {"sequence": revoked.sequence, "created_at": revoked.created_at, "token_id": token_id}
    return Answer(value, headers=replayed(call))


ENDPOINTS = (
    many(
        "Token",
        "tokens",
        "token_id",
        "/tokens",
        "Access tokens, oldest first",
        tag="tokens",
        find=lambda store, call, limit: store.tokens.tokens(call.query["after"], limit),
        role=Role.OPERATOR,
    ),
    Endpoint(
        method="POST",
        path="/tokens",
        role=Role.OPERATOR,
        tag="tokens",
        summary="Issue an access token",
        doc="token is the text to use; it is in this answer only. A repeated request (Idempotency-Key) makes "
        "no second token and answers with token null: revoke that one, and issue another under a new key.",
        handle=_issue,
        answer=record(
            "A new token.",
            sequence=SEQUENCE,
            created_at=TIME,
            token_id=ID,
            actor=TEXT,
            roles=array(one_of(*ROLES)),
            expires_at=maybe(TIME),
            token=maybe(TEXT),
        ),
        status=201,
        body=(
            Field("actor", "actor", True, Text("whose events are appended with it", max=255)),
            Field("roles", "roles", True, _ROLES),
            Field("expires", "expires", False, Time("when it ends; default: never")),
            REASON,
        ),
        gives={"token_id": "/token_id"},
        refusals=("bad-actor",),
    ),
    Endpoint(
        method="POST",
        path="/tokens/{token_id}/revoke",
        role=Role.OPERATOR,
        tag="tokens",
        summary="Revoke an access token",
        doc="Every process refuses it within 5 s. A token that is revoked already gives the event that did.",
        handle=_revoke,
        answer=record("The revocation.", sequence=SEQUENCE, created_at=TIME, token_id=ID),
        path_parameters=(_TOKEN_ID,),
        body=(REASON,),
        refusals=("not-found",),
    ),
)
