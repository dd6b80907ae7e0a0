"""The stores of a service: bytes go to it, and what comes back are tickets."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from artifactstore.client import Client, sending
from artifactstore.client.answers import StoresKnownObjectsItem, UploadsCompleteAnswer
from artifactstore.client.operations import uploads_complete
from artifactstore.client.requests import MAX_WAIT
from artifactstore.errors import BadInput, error
from artifactstore.events import new_id
from artifactstore.jobs.tree import Hashed
from artifactstore.jobs.uploads.destinations import Destination, SmallObject
from artifactstore.remote.tickets import uri_of_ticket
from artifactstore.remote.translation import translated_answers
from artifactstore.stores.base import SMALL, Part, part_size
from artifactstore.stores.keys import key_of

_AT_ONCE = 4
_TOGETHER = 1_000
"""Objects of a request, of at most ``SMALL`` bytes together."""
_READ_BYTES = 20_000_000
"""Bytes a second that a service reads at least, when it compares an object that was made of parts."""


class RemoteObjects:
    """``registry.objects``: URIs are tickets, keys are names that only this process and its files know."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def new_keys(self, count: int) -> list[str]:
        """Keys; the service makes its own."""
        return [key_of(new_id()) for _ in range(count)]

    def known(self, backend: str, contents: Sequence[tuple[bytes, int, bytes]]) -> list[str | None]:
        """See ``Objects.known``; the SHA-256 of each goes into the ticket."""
        asked = [{"blake3": blake3, "size": size, "sha256": sha256} for blake3, size, sha256 in contents]
        with translated_answers():
            told = self._client.stores.known(backend, objects=asked).objects
        if len(told) != len(asked):
            raise _foreign(f"{len(told)} objects are told, {len(asked)} were asked for")
        return [None if one is None else uri_of_ticket(one.ticket) for one in told]

    def sizes(self, _backend: str, sizes: Sequence[int]) -> set[int]:
        """All of them: to hash a file before it is sent is nothing beside sending it in vain."""
        return set(sizes)


class RemoteParts:
    """Uploads in parts to a store of a service; an upload id is what the service sealed."""

    def __init__(self, client: Client, name: str) -> None:
        self.name = name
        self._client = client

    def settle(self, _keys: Sequence[str]) -> None:
        """Nothing: what is answered with a ticket is durable."""

    def begin(self, _key: str, size: int) -> str:
        """See ``PartsStore``."""
        with translated_answers():
            told = self._client.uploads.create(self.name, size=size)
        if told.part_size != part_size(size):
            raise _foreign(
                f"parts of {told.part_size} bytes are wanted, this version sends {part_size(size)}"
            )
        return told.upload

    def write_part(self, _key: str, upload_id: str, number: int, data: bytes, sha256: bytes) -> Part:
        """See ``PartsStore``."""
        with translated_answers():
            self._client.perform(sending.part(self.name, upload_id, number, data, sha256))
        return Part(number, len(data), "", sha256)

    def parts(self, _key: str, upload_id: str) -> list[Part]:
        """See ``PartsStore``; what the service sealed with another key is no upload any more."""
        try:
            with translated_answers():
                told = self._client.uploads.get(self.name, upload_id)
        except BadInput as failure:
            if failure.code != "bad-ticket":
                raise
            raise error("not-found", {"problem": "the upload"}) from failure
        return [Part(one.number, one.size, "", _bytes(one.sha256)) for one in told.there]

    def abort(self, _key: str, upload_id: str) -> None:
        """See ``PartsStore``."""
        with translated_answers():
            self._client.perform(sending.abort(self.name, upload_id))


class RemoteDestination(Destination):
    """A store of a service.

    Raises what the client does: nothing can be put there by this token, or for this log.
    """

    def __init__(self, client: Client, name: str) -> None:
        client.perform(sending.objects(name, ()))  # nothing, so that it says what is in the way
        dedupe = next((one.dedupe for one in client.stores.list().stores if one.name == name), True)
        super().__init__(RemoteParts(client, name), dedupe=dedupe, at_once=_AT_ONCE)
        self._client = client
        self._tickets: dict[str, str] = {}

    def batches(self, objects: Sequence[SmallObject]) -> Iterator[Sequence[SmallObject]]:
        """As many as go in one request."""
        batch: list[SmallObject] = []
        size = 0
        for one in objects:
            if batch and (size + len(one.data) > SMALL or len(batch) == _TOGETHER):
                yield batch
                batch, size = [], 0
            batch.append(one)
            size += len(one.data)
        if batch:
            yield batch

    def write(self, objects: Sequence[SmallObject]) -> None:
        """See ``Destination``."""
        with translated_answers():
            told = self._client.perform(sending.objects(self.name, [one.data for one in objects])).objects
        if len(told) != len(objects):
            raise _foreign(f"{len(told)} objects are told, {len(objects)} were sent")
        for one, made in zip(objects, told, strict=True):
            if made is None or (made.size, made.sha256) != (len(one.data), one.sha256.hex()):
                raise error("digest-mismatch", {"problem": "other bytes came than were sent"})
            self._keep(one.key, made)

    def complete(self, file: Hashed, key: str, upload_id: str, _parts: Sequence[Part]) -> None:
        """See ``Destination``; the service reads the object, and compares it with the file."""
        made = uploads_complete(self.name, upload_id, blake3=file.blake3.hex(), sha256=file.sha256.hex())
        patient = {**made.arguments, "timeout": MAX_WAIT + file.size / _READ_BYTES}
        with translated_answers():
            self._keep(key, self._client.perform(replace(made, arguments=patient)))

    def uri(self, key: str) -> str:
        """See ``Destination``: the ticket."""
        return self._tickets[key]

    def _keep(self, key: str, made: StoresKnownObjectsItem | UploadsCompleteAnswer) -> None:
        self._tickets[key] = uri_of_ticket(made.ticket)


def _bytes(digest: str | None) -> bytes | None:
    return None if digest is None else bytes.fromhex(digest)


def _foreign(problem: str) -> Exception:
    return error("foreign-answer", {"problem": problem})
