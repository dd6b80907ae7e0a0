"""Uploads in parts, for objects that take long to send: what came is in the store, not here.

Any process of any host goes on with one, after any restart: what it needs to know the client sends along.
"""

from dataclasses import dataclass
from functools import partial

from artifactstore.codec import MAX_INTEGER
from artifactstore.errors import NotFound, error
from artifactstore.events.fields import Field
from artifactstore.events.kinds import Hash, Int, Text
from artifactstore.http.auth import Role
from artifactstore.http.content.depot import Depot, depot_of
from artifactstore.http.content.known import KnownContent
from artifactstore.http.content.receiving import Hashes, body, length_of, too_large
from artifactstore.http.content.said import DIGESTS, told_digests
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.routes.objects import OBJECT, REFUSED_BY_STORES, STORE, shown
from artifactstore.http.web.answers import COUNT, HEX, SEQUENCE, TEXT, array, maybe, record
from artifactstore.http.web.request import Parameter
from artifactstore.stores.base import MOST_PARTS, ObjectStore, Part, part_size
from artifactstore.stores.tickets import PartsUpload

_TOLD = 100
"""Numbers of parts that are told when some are lacking."""
_UPLOAD = Parameter("upload", Text(max=4096), "what told where the upload goes on", required=True)
_NUMBER = Parameter("number", Int(min=1, max=MOST_PARTS), "the number of a part, from 1", required=True)


@dataclass(frozen=True, slots=True)
class _Upload:
    """An upload that is gone on with."""

    depot: Depot
    store: ObjectStore
    said: PartsUpload

    @property
    def count(self) -> int:
        """How many parts it has."""
        return -(-self.said.size // self.said.part_size)

    def size_of(self, number: int) -> int:
        """Bytes of a part; raises ``BadInput`` too-large when there is none of this number."""
        if number > self.count:
            raise error("too-large", {"problem": f"it has {self.count} parts", "limit": self.count})
        return min(self.said.part_size, self.said.size - (number - 1) * self.said.part_size)

    async def parts(self) -> list[Part]:
        """The parts that are there; raises ``NotFound``."""
        return await self.depot.read(partial(self.store.parts, self.said.key, self.said.upload_id))

    async def complete(self) -> None:
        """Make an object of the parts; once more is right. Raises ``NotFound`` when some are lacking."""
        key = self.said.key
        try:
            parts = await self.parts()
        except NotFound:
            there = await self.depot.read(partial(self.store.head, key))
            if there is None or there.size != self.said.size:
                raise
        else:
            good = {part.number: part for part in parts if part.size == self._expected(part.number)}
            lacking = [number for number in range(1, self.count + 1) if number not in good]
            if lacking:
                problem = f"{len(lacking)} of {self.count} parts are lacking"
                raise NotFound("not-found", {"problem": problem, "lacking": lacking[:_TOLD]})
            whole = [good[number] for number in sorted(good)]
            await self.depot.write(partial(self.store.complete, key, self.said.upload_id, whole))
        await self.depot.write(partial(self.store.settle, [key]))

    async def compare(self, content: KnownContent) -> None:
        """Read the object: others are given it by these digests. Raises ``BadInput`` digest-mismatch."""
        found = await self.depot.read(partial(_hashed, self.store, self.said.key))
        if (found.size, found.blake3, found.sha256) != (content.size, content.blake3, content.sha256):
            problem = "the parts make another content than you say; ask again with its digests"
            told = {"size": found.size, "blake3": found.blake3.hex(), "sha256": found.sha256.hex()}
            raise error("digest-mismatch", {"problem": problem, **told})

    def _expected(self, number: int) -> int | None:
        return self.size_of(number) if number <= self.count else None


def _hashed(store: ObjectStore, key: str) -> Hashes:
    hashes = Hashes()
    for piece in store.read(key):
        hashes.update(piece)
    return hashes


def _opened(call: Call) -> _Upload:
    depot = depot_of(call)
    said = depot.opened(PartsUpload, call.path["upload"], call.actor)
    if said.store != call.path["store"]:
        raise error("bad-ticket", {"problem": f"it is of the store {said.store}"})
    return _Upload(depot, depot.writable(said.store), said)


async def _begin(call: Call) -> Answer:
    depot, size, most = depot_of(call), call.body["size"], call.service.settings.max_object
    if size > most:
        raise too_large(most)
    store = depot.writable(call.path["store"])
    await depot.check_place(call, store)
    (key,) = await call.read(lambda log: log.objects.new_keys(1))
    upload_id = await depot.write(partial(store.begin, key, size))
    said = PartsUpload(store.name, key, upload_id, size, part_size(size), call.actor)
    begun = _Upload(depot, store, said)
    return Answer({"upload": depot.seal(said), "part_size": said.part_size, "parts": begun.count}, 201)


async def _put_part(call: Call) -> Answer:
    upload, number = _opened(call), call.path["number"]
    size = upload.size_of(number)
    length, said = length_of(call, size), told_digests(call)
    if length is not None and length != size:
        raise _other_size(number, size, length)
    with upload.depot.upload():
        taken = await upload.depot.memory.take(size)
        pieces = body(call, size)
        try:
            data = b"".join([piece async for piece in pieces])
            if len(data) != size:
                raise _other_size(number, size, len(data))
            hashes = Hashes()
            await upload.depot.write(partial(hashes.update, data))
            said.check(hashes)
            write = partial(
                upload.store.write_part, upload.said.key, upload.said.upload_id, number, data, hashes.sha256
            )
            await upload.depot.write(write)
        finally:
            await pieces.aclose()
            upload.depot.memory.give(taken)
    return Answer({"number": number, "size": size, "sha256": hashes.sha256.hex()})


def _other_size(number: int, size: int, came: int) -> Exception:
    problem = f"part {number} has {size} bytes, not {came}"
    return error("digest-mismatch", {"problem": problem, "size": size})


async def _parts(call: Call) -> Answer:
    upload = _opened(call)
    there = [
        {
            "number": part.number,
            "size": part.size,
            "sha256": None if part.sha256 is None else part.sha256.hex(),
        }
        for part in await upload.parts()
    ]
    told = {"size": upload.said.size, "part_size": upload.said.part_size, "there": there}
    return Answer({**told, "parts": upload.count})


async def _complete(call: Call) -> Answer:
    upload, digests = _opened(call), call.body
    content = KnownContent(size=upload.said.size, blake3=digests["blake3"], sha256=digests["sha256"])
    await upload.complete()
    await upload.compare(content)
    return Answer(shown(upload.depot, upload.store.name, upload.said.key, content, call.actor), 201)


async def _abort(call: Call) -> Answer:
    upload = _opened(call)
    await upload.depot.write(partial(upload.store.abort, upload.said.key, upload.said.upload_id))
    return Answer({"upload": "aborted"})


_PART = {"number": SEQUENCE, "size": COUNT, "sha256": maybe(HEX)}
_REFUSED = (*REFUSED_BY_STORES, "bad-ticket", "not-found")
_PATH = "/stores/{store}/uploads/{upload}"


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/stores/{store}/uploads",
        role=Role.PRODUCER,
        tag="content",
        summary="Begin an upload in parts",
        doc="For objects that take long to send. upload is good for 7 days, for who began it.",
        handle=_begin,
        answer=record("An upload.", upload=TEXT, part_size=COUNT, parts=COUNT),
        status=201,
        appends=False,
        path_parameters=(STORE,),
        body=(Field("size", "size", True, Int("bytes of the object", min=1, max=MAX_INTEGER)),),
        refusals=REFUSED_BY_STORES,
        gives={"upload": "/upload"},
    ),
    Endpoint(
        method="PUT",
        path=f"{_PATH}/parts/{{number}}",
        role=Role.PRODUCER,
        tag="content",
        summary="Send a part of an upload",
        doc="Every part but the last has part_size bytes. One that comes again replaces the one before. "
        "Repr-Digest and Artifactstore-Blake3 are compared with what comes.",
        handle=_put_part,
        answer=record("A part.", **_PART),
        appends=False,
        apart=True,
        path_parameters=(STORE, _UPLOAD, _NUMBER),
        hears=DIGESTS,
        takes=("*/*",),
        refusals=_REFUSED,
    ),
    Endpoint(
        method="GET",
        path=_PATH,
        role=Role.PRODUCER,
        tag="content",
        summary="Which parts of an upload are there",
        handle=_parts,
        answer=record(
            "An upload.", size=COUNT, part_size=COUNT, parts=COUNT, there=array(record("A part.", **_PART))
        ),
        path_parameters=(STORE, _UPLOAD),
        refusals=_REFUSED,
    ),
    Endpoint(
        method="POST",
        path=f"{_PATH}/complete",
        role=Role.PRODUCER,
        tag="content",
        summary="Make an object of the parts of an upload",
        doc="The object is read, and its digests compared. To ask again is right.",
        handle=_complete,
        answer=OBJECT,
        status=201,
        appends=False,
        apart=True,
        path_parameters=(STORE, _UPLOAD),
        body=(
            Field("blake3", "blake3", True, Hash("BLAKE3 of the whole object")),
            Field("sha256", "sha256", True, Hash("SHA-256 of the whole object", algorithm="sha256")),
        ),
        refusals=(*_REFUSED, "digest-mismatch", "id-taken"),
    ),
    Endpoint(
        method="DELETE",
        path=_PATH,
        role=Role.PRODUCER,
        tag="content",
        summary="Give up an upload",
        handle=_abort,
        answer=record("It is gone.", upload=TEXT),
        appends=False,
        apart=True,
        path_parameters=(STORE, _UPLOAD),
        refusals=_REFUSED,
    ),
)
