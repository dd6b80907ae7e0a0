"""``S3Store``: objects in a bucket."""

from collections.abc import Iterator, Mapping, Sequence

from artifactstore.stores.base import ObjectInfo, Part, Removed, UnfinishedUpload, part_size
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.locks import Lock, Step
from artifactstore.stores.patience import Patience
from artifactstore.stores.s3 import listing, locking, marker, reading, removing
from artifactstore.stores.s3.bucket import Bucket
from artifactstore.stores.s3.trials import trials
from artifactstore.stores.s3.uploads import Uploads
from artifactstore.stores.s3.writing import Writing
from artifactstore.stores.trial import Trial


class S3Store:
    """See ``ObjectStore`` and ``KeepsLocked``.

    Args:
        patience: how long the store is waited for.
    """

    def __init__(self, config: StoreConfig, patience: Patience | None = None) -> None:
        self.name = config.name
        self.part_size = part_size(0)
        self._place = Bucket(config, patience or Patience())
        self._writing = Writing(self._place, config.sse, config.verify_writes)
        self._uploads = Uploads(self._place, config.sse, config.verify_writes)

    def put(self, key: str, data: bytes, sha256: bytes) -> None:
        """See ``ObjectStore``."""
        self._writing.put(key, data, sha256)

    def settle(self, keys: Sequence[str]) -> None:
        """See ``ObjectStore``: what a store over a network acknowledged is durable."""
        for key in keys:
            self._place.path(key)

    def begin(self, key: str, size: int) -> str:  # noqa: ARG002 - parts may have any size from 5 MiB
        """See ``ObjectStore``."""
        return self._uploads.begin(key)

    def write_part(self, key: str, upload_id: str, number: int, data: bytes, sha256: bytes) -> Part:
        """See ``ObjectStore``."""
        return self._uploads.write_part(key, upload_id, number, data, sha256)

    def parts(self, key: str, upload_id: str) -> list[Part]:
        """See ``ObjectStore``."""
        return self._uploads.parts(key, upload_id)

    def complete(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """See ``ObjectStore``."""
        self._uploads.complete(key, upload_id, parts)

    def abort(self, key: str, upload_id: str) -> None:
        """See ``ObjectStore``."""
        self._uploads.abort(key, upload_id)

    def unfinished(self) -> Iterator[UnfinishedUpload]:
        """See ``ObjectStore``."""
        return self._uploads.unfinished()

    def head(self, key: str) -> ObjectInfo | None:
        """See ``ObjectStore``."""
        return reading.head(self._place, key)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See ``ObjectStore``."""
        return reading.read(self._place, key, start, end)

    def versions(self, key: str) -> Sequence[str]:
        """See ``KeepsVersions``."""
        return reading.earlier(self._place, key) if self._place.versioned else ()

    def read_version(self, key: str, version: str, start: int = 0) -> Iterator[bytes]:
        """See ``KeepsVersions``."""
        return reading.read(self._place, key, start, None, version)

    def delete(self, keys: Sequence[str]) -> Mapping[str, Removed]:
        """See ``ObjectStore``."""
        return removing.delete(self._place, keys)

    def list(self, after: str = "") -> Iterator[ObjectInfo]:
        """See ``ObjectStore``."""
        return listing.objects(self._place, after)

    def free(self) -> float | None:
        """See ``ObjectStore``: nobody can say."""
        return None

    def read_marker(self) -> tuple[bytes, str] | None:
        """See ``ObjectStore``."""
        return marker.read_marker(self._place)

    def write_marker(self, data: bytes, version: str | None) -> str:
        """See ``ObjectStore``."""
        return marker.write_marker(self._place, data, version)

    def outer_marker(self) -> str | None:
        """See ``ObjectStore``."""
        return marker.outer_marker(self._place)

    def presigned_get(self, key: str, seconds: int, disposition: str, media_type: str) -> str | None:
        """See ``ObjectStore``."""
        signer = self._place.public
        if signer is None:
            return None
        wanted = {
            "Bucket": self._place.bucket,
            "Key": self._place.path(key),
            "ResponseContentDisposition": disposition,
            "ResponseContentType": media_type,
        }
        return signer.generate_presigned_url("get_object", Params=wanted, ExpiresIn=seconds)

    def check_locks(self) -> None:
        """See ``KeepsLocked``."""
        locking.check(self._place)

    def lock_of(self, key: str) -> Lock | None:
        """See ``KeepsLocked``."""
        if self.head(key) is None:  # some answer 500 to what is asked of the lock of nothing
            return None
        return locking.lock_of(self._place, {"Key": self._place.path(key)})

    def change_lock(self, key: str, step: Step) -> bool:
        """See ``KeepsLocked``."""
        if self.head(key) is None:
            return False
        return locking.change(self._place, self._place.path(key), step)

    def own_trials(self, settings: StoreConfig) -> Iterator[Trial]:
        """See ``TriesItself``."""
        return trials(self._place, settings)

    def close(self) -> None:
        """See ``ObjectStore``."""
        self._place.close()
