"""The catalogue: one dataclass per event type; its docstring is the description.

This is its source: ``scripts/dump-schema`` writes from it what PostgreSQL has of it, the rows of
``artifactstore.event_types`` and the dispatcher ``artifactstore.project_events``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from artifactstore.events import patterns
from artifactstore.events.fields import List, Object
from artifactstore.events.kinds import Bool, Hash, Id, Int, Map, Text, Time
from artifactstore.words import CHECK_FAILURES, CHECK_METHODS, RETENTION_MODES, RETIRE_OUTCOMES

_REASON = Text("why", max=1024)
_MODE = Text("who may bypass: operators, or nobody", enum=RETENTION_MODES)
_UNTIL = Time("keep until")
_POLICY = Text("name of the policy it comes from", max=255)
_BYPASS = Bool("override governance retention (operators only)")
_PACKAGE_ID = Id("package that it belongs to")
_PACKAGE_OF_FILE = Id("package of the file")
_COPIED_FILE = Id("file of which it is a copy")
_BACKEND = Text("storage backend", max=64)
_URI = Text("where in the backend", max=2048)
_FROM = Time("retain_until before")
_TO = Time("retain_until after")
_HOLD_ID = Id("identity of the hold")
_EPOCH_ID = Id("random identity of the epoch")
_TOKEN_ID = Id("identity of the token")
_LABELS = {"max_items": 256, "key_max": 128, "value_max": 1024}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The idempotent request of which an event is the first: ``events`` counts all of its events."""

    key: Annotated[str, Text("idempotency key, unique per actor", max=255)]
    digest: Annotated[bytes, Hash("BLAKE3 of the canonical request")]
    events: Annotated[int, Int("number of events of the request", min=1, max=1_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What every payload may carry beside the fields of its type: where the command came from."""

    request: Annotated[
        Request | None, Object("idempotency: the request of which this is the first event", model=Request)
    ] = None
    on_behalf_of: Annotated[str | None, Text("actor for whom the actor acts", max=255)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Retention that a package has from its creation on."""

    mode: Annotated[str, _MODE]
    until: Annotated[datetime, _UNTIL]
    policy: Annotated[str | None, _POLICY] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a copy of a file is stored already when the file is ingested."""

    location_id: Annotated[UUID, Id("identity of the location")]
    backend: Annotated[str, _BACKEND]
    uri: Annotated[str, _URI]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened; subclasses say which type it is and hold its payload.

    Attributes:
        event_type: ``v1.<subject kind>.<past tense>``, which never changes its meaning.
        lane: of which other events it must stay behind or before, see docs/explanation/exact-projection.md.
        min_role: the least role that ``append_json`` asks for.
        destructive: whether the destruction guard judges it: retention, holds, the clock.
        projector: the SQL function that applies it, if not ``project_<subject kind>_<past tense>``.
    """

    event_type: ClassVar[str]
    lane: ClassVar[Literal["package", "file", "label", "retention"]] = "package"
    min_role: ClassVar[Literal["writer", "operator"]] = "writer"
    destructive: ClassVar[bool] = False
    projector: ClassVar[str | None] = None
    reason: Annotated[str | None, _REASON] = None

    @classmethod
    def applied_by(cls) -> str:
        """Name of the SQL function that applies events of this type."""
        _, kind, what = cls.event_type.split(".")
        return cls.projector or f"project_{kind}_{what}"

    @property
    def subject_kind(self) -> str:
        """package, file, storage, retention or system: the middle of the event type."""
        return self.event_type.split(".")[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageCreated(Event):
    """A package was created, open for files"""

    event_type: ClassVar[str] = "v1.package.created"
    purl: Annotated[str, Text("package URL, never used before", max=1024, pattern=patterns.PURL)]
    media_type: Annotated[str | None, Text("media type of the package", max=255)] = None
    labels: Annotated[Mapping[str, str] | None, Map("labels, text to text", **_LABELS)] = None
    retention: Annotated[Retention | None, Object("retention from the start", model=Retention)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageLabeled(Event):
    """Labels of a package were set or unset"""

    event_type: ClassVar[str] = "v1.package.labeled"
    lane = "label"
    set: Annotated[Mapping[str, str] | None, Map("labels to set", **_LABELS)] = None
    unset: Annotated[tuple[str, ...] | None, List("labels to remove", items=Text(max=128), max_items=256)] = (
        None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSealed(Event):
    """A package was sealed: its files are final"""

    event_type: ClassVar[str] = "v1.package.sealed"
    manifest_digest: Annotated[
        bytes,
        Hash("BLAKE3 of canonical CBOR [[path, size, blake3], …] of its files, ascending by path bytes"),
    ]
    file_count: Annotated[int, Int("number of files")]
    total_bytes: Annotated[int, Int("sum of their sizes")]
    as_of: Annotated[int, Int("highest last_sequence of its files when they were read")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageYanked(Event):
    """A sealed package was marked as not to be chosen anew"""

    event_type: ClassVar[str] = "v1.package.yanked"
    lane = "label"
    reason: Annotated[str, _REASON]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageUnyanked(Event):
    """A yank was taken back"""

    event_type: ClassVar[str] = "v1.package.unyanked"
    lane = "label"
    projector = "project_package_yanked"
    reason: Annotated[str, _REASON]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageDeleted(Event):
    """A package was deleted; it can be restored"""

    event_type: ClassVar[str] = "v1.package.deleted"
    destructive = True
    reason: Annotated[str, _REASON]
    bypass_governance: Annotated[bool | None, _BYPASS] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRestored(Event):
    """A deleted package was restored"""

    event_type: ClassVar[str] = "v1.package.restored"
    reason: Annotated[str, _REASON]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagePurged(Event):
    """A deleted package was purged for good: its copies are to be removed"""

    event_type: ClassVar[str] = "v1.package.purged"
    destructive = True
    reason: Annotated[str, _REASON]
    file_count: Annotated[int, Int("number of files purged with it")]
    bypass_governance: Annotated[bool | None, _BYPASS] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileIngested(Event):
    """A file was added to an open package"""

    event_type: ClassVar[str] = "v1.file.ingested"
    lane = "file"
    package_id: Annotated[UUID, _PACKAGE_ID]
    path: Annotated[str, Text("relative path, / between segments", max=1024, pattern=patterns.PATH)]
    size: Annotated[int, Int("size in bytes")]
    blake3: Annotated[bytes, Hash("BLAKE3 of the content")]
    sha256: Annotated[bytes | None, Hash("SHA-256 of the content", algorithm="sha256")] = None
    media_type: Annotated[str | None, Text("media type", max=255)] = None
    locations: Annotated[
        tuple[Location, ...] | None,
        List("where copies are stored already", items=Object(model=Location), max_items=256),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRemoved(Event):
    """A file was removed from an open package"""

    event_type: ClassVar[str] = "v1.file.removed"
    destructive = True
    package_id: Annotated[UUID, _PACKAGE_ID]
    reason: Annotated[str, _REASON]
    bypass_governance: Annotated[bool | None, _BYPASS] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageRegistered(Event):
    """A copy of a file was registered"""

    event_type: ClassVar[str] = "v1.storage.registered"
    lane = "file"
    package_id: Annotated[UUID, _PACKAGE_OF_FILE]
    file_id: Annotated[UUID, _COPIED_FILE]
    backend: Annotated[str, _BACKEND]
    uri: Annotated[str, _URI]
    size: Annotated[int, Int("size in bytes, equal to the file's")]
    blake3: Annotated[bytes, Hash("BLAKE3, equal to the file's")]


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageVerified(Event):
    """A copy was checked and found good"""

    event_type: ClassVar[str] = "v1.storage.verified"
    lane = "file"
    package_id: Annotated[UUID, _PACKAGE_OF_FILE]
    file_id: Annotated[UUID, _COPIED_FILE]
    method: Annotated[str, Text("how it was checked", enum=CHECK_METHODS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageFailed(Event):
    """A copy was checked and found bad or missing"""

    event_type: ClassVar[str] = "v1.storage.failed"
    lane = "file"
    package_id: Annotated[UUID, _PACKAGE_OF_FILE]
    file_id: Annotated[UUID, _COPIED_FILE]
    failure: Annotated[str, Text("what was wrong", enum=CHECK_FAILURES)]
    observed_size: Annotated[int | None, Int("size that was found")] = None
    observed_blake3: Annotated[bytes | None, Hash("BLAKE3 that was found")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageRetiring(Event):
    """A copy is to go: its bytes are to be removed"""

    event_type: ClassVar[str] = "v1.storage.retiring"
    lane = "file"
    min_role = "operator"
    package_id: Annotated[UUID, _PACKAGE_OF_FILE]
    file_id: Annotated[UUID, _COPIED_FILE]
    reason: Annotated[str, _REASON]


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageRetired(Event):
    """A copy is no longer kept"""

    event_type: ClassVar[str] = "v1.storage.retired"
    lane = "file"
    package_id: Annotated[UUID, _PACKAGE_OF_FILE]
    file_id: Annotated[UUID, _COPIED_FILE]
    outcome: Annotated[str, Text("what became of it", enum=RETIRE_OUTCOMES)]
    reason: Annotated[str, _REASON]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionApplied(Event):
    """A package must be kept until an instant"""

    event_type: ClassVar[str] = "v1.retention.applied"
    lane = "retention"
    mode: Annotated[str, _MODE]
    until: Annotated[datetime, _UNTIL]
    policy: Annotated[str | None, _POLICY] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionExtended(Event):
    """Retention was made longer"""

    event_type: ClassVar[str] = "v1.retention.extended"
    lane = "retention"
    from_: Annotated[datetime, _FROM]
    to: Annotated[datetime, _TO]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionEscalated(Event):
    """Governance became compliance"""

    event_type: ClassVar[str] = "v1.retention.escalated"
    lane = "retention"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionShortened(Event):
    """Governance retention was made shorter"""

    event_type: ClassVar[str] = "v1.retention.shortened"
    lane = "retention"
    min_role = "operator"
    from_: Annotated[datetime, _FROM]
    to: Annotated[datetime, _TO]
    reason: Annotated[str, _REASON]
    bypass_governance: Annotated[bool, Bool("says that governance is bypassed (operators only)", const=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPlaced(Event):
    """A legal hold was placed on a package"""

    event_type: ClassVar[str] = "v1.retention.hold_placed"
    lane = "retention"
    projector = "project_hold_placed"
    hold_id: Annotated[UUID, _HOLD_ID]
    case: Annotated[str, Text("case or matter that asks for it", max=255)]
    reason: Annotated[str, _REASON]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReleased(Event):
    """A legal hold was released"""

    event_type: ClassVar[str] = "v1.retention.hold_released"
    lane = "retention"
    projector = "project_hold_released"
    hold_id: Annotated[UUID, _HOLD_ID]
    reason: Annotated[str, _REASON]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemInitialized(Event):
    """The log began"""

    event_type: ClassVar[str] = "v1.system.initialized"
    min_role = "operator"
    log_id: Annotated[UUID, Id("identity of the log")]
    epoch: Annotated[int, Int("generation of the log", min=1, max=1)]
    epoch_id: Annotated[UUID, _EPOCH_ID]
    payload_profile: Annotated[str, Text("profile of all payloads", enum=("AS-CBOR/1",))]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRestored(Event):
    """The log was restored: a new epoch begins"""

    event_type: ClassVar[str] = "v1.system.restored"
    min_role = "operator"
    epoch: Annotated[int, Int("new generation, the one before + 1", min=2)]
    epoch_id: Annotated[UUID, _EPOCH_ID]
    from_sequence: Annotated[int, Int("head after the restore")]
    reason: Annotated[str, _REASON]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssued(Event):
    """An access token was issued"""

    event_type: ClassVar[str] = "v1.system.token_issued"
    min_role = "operator"
    projector = "project_system_token"
    token_id: Annotated[UUID, _TOKEN_ID]
    roles: Annotated[
        tuple[str, ...] | None, List("roles that it gives", items=Text(max=64), max_items=16)
    ] = None
    expires: Annotated[datetime | None, Time("when it ends")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRevoked(Event):
    """An access token was revoked"""

    event_type: ClassVar[str] = "v1.system.token_revoked"
    min_role = "operator"
    projector = "project_system_token"
    token_id: Annotated[UUID, _TOKEN_ID]
    roles: Annotated[tuple[str, ...] | None, List("roles that it gave", items=Text(max=64), max_items=16)] = (
        None
    )
    expires: Annotated[datetime | None, Time("when it would have ended")] = None


EVENT_TYPES: Mapping[str, type[Event]] = {
    model.event_type: model
    for model in list(globals().values())
    if isinstance(model, type) and issubclass(model, Event) and model is not Event
}
"""The model of every event type, in the order of this file."""
