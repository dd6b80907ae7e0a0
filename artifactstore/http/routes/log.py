"""Which log this is and where it stands."""

from typing import Any

from artifactstore import feed
from artifactstore.events.times import from_micros
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import MIN_SEQUENCE, Answer, Call, Endpoint
from artifactstore.http.feed.encoding import digest_text
from artifactstore.http.web.answers import COUNT, DIGEST, ID, TEXT, TIME, array, maybe, record
from artifactstore.store import Store

_EPOCHS = 1_000


async def _log(call: Call) -> Answer:
    def read(store: Store) -> dict[str, Any]:
        position = store.identity.position()
        last = feed.read_event(store.connection, position.head, position) if position.head else None
        return {
            "log_id": position.log_id,
            "epoch": position.epoch_name,
            "head": position.head,
            "head_created_at": last and from_micros(last.created_at),
            "head_digest": last and digest_text(last.identity),
            "epochs": epochs(store),
        }

    return Answer(await call.read(read))


def epochs(store: Store) -> list[dict[str, Any]]:
    """The last generations of the log, as ``GET /log`` and refusals of the feed tell them."""
    return [
        {
            "epoch": one.name,
            "first_sequence": one.first_sequence,
            "from_sequence": one.from_sequence,
            "started_at": one.started_at,
            "reason": one.reason,
        }
        for one in store.identity.epochs()[-_EPOCHS:]
    ]


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/log",
        role=Role.READER,
        tag="feed",
        summary="Identity, epoch and head of the log",
        doc="head, epoch and head_digest, the identity of the last event, are what a follower that begins "
        "here gives as since, epoch and since_digest. epochs are its generations: a restore begins another "
        "one, and keeps the events up to from_sequence of those before; the last 1,000 are told. An empty "
        "log has head 0 and nothing else.",
        handle=_log,
        answer=record(
            "Where the log stands.",
            log_id=maybe(ID),
            epoch=maybe(TEXT),
            head=COUNT,
            head_created_at=maybe(TIME),
            head_digest=maybe(DIGEST),
            epochs=array(
                record(
                    "A generation of the log.",
                    epoch=TEXT,
                    first_sequence=COUNT,
                    from_sequence=maybe(COUNT),
                    started_at=TIME,
                    reason=maybe(TEXT),
                )
            ),
        ),
        query=(MIN_SEQUENCE,),
    ),
)
