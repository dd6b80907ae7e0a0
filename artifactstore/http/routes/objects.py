"""Objects of stores: bytes that come without a file; the ticket for them is handed in with it."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from anyio import to_thread

from artifactstore.errors import error
from artifactstore.events.fields import Field, Object, SomeOf
from artifactstore.events.kinds import Text
from artifactstore.http.auth import Role
from artifactstore.http.content.depot import Depot, depot_of
from artifactstore.http.content.known import KnownContent
from artifactstore.http.content.receiving import Hashes, arriving, body, length_of
from artifactstore.http.content.said import DIGESTS, told_digests
from artifactstore.http.content.sequence import MEDIA_TYPE, byte_strings
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.web.answers import COUNT, HEX, TEXT, array, maybe, record
from artifactstore.http.web.request import Parameter
from artifactstore.http.web.trace import header
from artifactstore.stores.base import SMALL, ObjectStore
from artifactstore.stores.keys import key_in
from artifactstore.stores.tickets import Ticket

MANY_BYTES = 64 * 1024 * 1024
"""Of a request that brings many objects."""
MANY = 10_000
"""Objects of one request."""
_BATCH_BYTES, _BATCH = 4 * 1024 * 1024, 1_000
"""What is written at once of those that came."""

STORE = Parameter("store", Text(max=63), "the name of a store", required=True)
OBJECT = record(
    "An object, and the ticket to hand in with the file whose content it is.",
    size=COUNT,
    blake3=HEX,
    sha256=maybe(HEX),
    ticket=TEXT,
)
REFUSED_BY_STORES = (
    "store-unknown", "store-mismatch", "store-unavailable", "store-full", "store-refused",
)  # fmt: skip


async def _post(call: Call) -> Answer:
    depot, settings = depot_of(call), call.service.settings
    many = (header(call.scope, b"content-type") or "").partition(";")[0].strip().lower() == MEDIA_TYPE
    most = MANY_BYTES if many else settings.max_put
    length, said = length_of(call, most), told_digests(call)
    store = depot.writable(call.path["store"])
    with depot.upload():
        await depot.check_place(call, store)
        if many:
            return Answer({"objects": await _many(call, depot, store)}, 201)
        (key,) = await call.read(lambda log: log.objects.new_keys(1))
        async with arriving(call, depot, store, key, most, length) as arrived:
            said.check(arrived.hashes)
            hashes = arrived.hashes
            (known,) = await depot.known(call, store, [(hashes.blake3, hashes.size)])
            kept = key_in(known) if known is not None else await arrived.keep()
        return Answer(shown(depot, store.name, kept, hashes, call.actor), 201)


async def _many(call: Call, depot: Depot, store: ObjectStore) -> list[dict[str, Any]]:
    """The objects of a sequence, in order; they are written in batches, while nothing is read."""
    taken = await depot.memory.take(2 * SMALL + _BATCH_BYTES)
    told: list[dict[str, Any]] = []
    written: list[str] = []
    batch: list[bytes] = []
    size = 0
    pieces = body(call, MANY_BYTES + 9 * MANY)
    items = byte_strings(pieces, SMALL, MANY)
    try:
        async for item in items:
            batch.append(item)
            size += len(item)
            if size >= _BATCH_BYTES or len(batch) == _BATCH:
                told += await _batch(call, depot, store, batch, written)
                batch, size = [], 0
        if batch:
            told += await _batch(call, depot, store, batch, written)
        if written:
            await depot.write(partial(store.settle, written))
    finally:
        await items.aclose()
        await pieces.aclose()
        depot.memory.give(taken)
    return told


async def _batch(
    call: Call, depot: Depot, store: ObjectStore, batch: Sequence[bytes], written: list[str]
) -> list[dict[str, Any]]:
    """Write what is not known, once where it came twice; ``written`` gets the keys."""
    hashes = await to_thread.run_sync(_hash_all, batch)
    known = await depot.known(call, store, [(one.blake3, one.size) for one in hashes])
    new = {one.blake3: data for one, data, uri in zip(hashes, batch, known, strict=True) if uri is None}
    keys = await call.read(lambda log: log.objects.new_keys(len(new))) if new else []
    placed = dict(zip(new, keys, strict=True))
    sums = {one.blake3: one.sha256 for one in hashes}
    puts = [partial(store.put, key, new[blake3], sums[blake3]) for blake3, key in placed.items()]
    async with asyncio.TaskGroup() as group:
        for put in puts:
            group.create_task(depot.write(put))
    written += keys
    return [
        shown(depot, store.name, placed[one.blake3] if uri is None else key_in(uri), one, call.actor)
        for one, uri in zip(hashes, known, strict=True)
    ]


def _hash_all(batch: Sequence[bytes]) -> list[Hashes]:
    made = [Hashes() for _ in batch]
    for one, data in zip(made, batch, strict=True):
        one.update(data)
    return made


def shown(
    depot: Depot, store: str, key: str | None, content: Hashes | KnownContent, actor: str
) -> dict[str, Any]:
    """An object as it is answered."""
    if key is None:
        raise error("bad-uri", {"problem": f"a location in {store} names no object"})
    ticket = Ticket(store, key, content.size, content.blake3, content.sha256, actor)
    return {
        "size": content.size,
        "blake3": content.blake3.hex(),
        "sha256": None if content.sha256 is None else content.sha256.hex(),
        "ticket": depot.seal(ticket),
    }


async def _known(call: Call) -> Answer:
    depot, wanted = depot_of(call), call.body["objects"]
    store = depot.writable(call.path["store"])
    uris = await depot.known(call, store, [(one.blake3, one.size) for one in wanted])
    told = [
        None if uri is None else shown(depot, store.name, key_in(uri), one, call.actor)
        for one, uri in zip(wanted, uris, strict=True)
    ]
    return Answer({"objects": told})


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/stores/{store}/objects",
        role=Role.PRODUCER,
        tag="content",
        summary="Put bytes into a store",
        doc="The ticket stands for them where a file is added. Repr-Digest and Artifactstore-Blake3 are "
        "compared with what comes. Bytes that no file names within 7 days are removed. As "
        f"{MEDIA_TYPE}, a CBOR sequence of byte strings, up to {MANY} objects of at most 8 MiB each, 64 MiB "
        "together, come in one request: objects has them in order.",
        handle=_post,
        answer={"oneOf": [OBJECT, record("Objects, in order.", objects=array(OBJECT))]},
        status=201,
        appends=False,
        path_parameters=(STORE,),
        hears=DIGESTS,
        takes=("*/*", MEDIA_TYPE),
        refusals=(*REFUSED_BY_STORES, "bad-uri"),
    ),
    Endpoint(
        method="POST",
        path="/stores/{store}/known",
        role=Role.READER,
        tag="content",
        summary="Which contents a store has already",
        doc="A ticket for each that it has, in order, so that nothing has to be sent; null for the others. "
        "sha256 is taken as it is said.",
        handle=_known,
        answer=record("Objects, in order.", objects=array(maybe(OBJECT))),
        appends=False,
        path_parameters=(STORE,),
        body=(Field("objects", "objects", True, SomeOf(items=Object(model=KnownContent), max_items=MANY)),),
        refusals=("store-unknown", "store-refused", "bad-uri"),
    ),
)
