"""Packages: their life from creation to purge."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from artifactstore.errors import BadInput, Refused
from artifactstore.events import NewEvent, models
from artifactstore.events.fields import Field
from artifactstore.events.kinds import Hash, Int, Text
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import AFTER, LIMIT, MIN_SEQUENCE, Answer, Call, Endpoint
from artifactstore.http.reads import many, one, page, with_copies
from artifactstore.http.web.answers import COUNT, HEX, ID, TEXT, array, maybe, record, ref, shown
from artifactstore.http.web.json import exact
from artifactstore.http.web.references import PackageReference
from artifactstore.http.web.request import Parameter, bad_request
from artifactstore.http.write.commands import ON_BEHALF_OF, PACKAGE_ID, REASON, CommandSpec, Respell
from artifactstore.http.write.landing import answer_event, land
from artifactstore.store import ManifestEntry, PackageQuery, Row, Store, check_manifest
from artifactstore.words import PACKAGE_STATES

_SEAL_ATTEMPTS = 3
_STATES = Text(enum=PACKAGE_STATES)
_KEY_MAX, _VALUE_MAX = 128, 1024

LABEL = Parameter(
    "label",
    Text(max=_KEY_MAX + 1 + _VALUE_MAX),
    "key=value: packages with this label; several: with all of them",
    repeatable=True,
)


def _find(store: Store, call: Call, limit: int) -> Iterator[Row]:
    query = call.query
    where = PackageQuery(
        purl=query["purl"],
        purl_prefix=query["purl_prefix"],
        type=query["type"],
        namespace=query["namespace"],
        name=query["name"],
        state=query["state"],
        producer=query["actor"],
        labels=labels_of(query["label"]),
    )
    rows = store.pages.package_page(where, query["after"], limit)
    if where.purl is None:
        return rows
    # As it stands first, as Store.package does. To the end: a purl has one package at most.
    if (found := list(rows)) or (canonical := _canonical(store, where.purl)) == where.purl:
        return iter(found)
    return store.pages.package_page(replace(where, purl=canonical), query["after"], limit)


def _canonical(store: Store, purl: str) -> str:
    try:
        return store.packages.canonical_purl(purl)
    except BadInput as refusal:
        if refusal.code != "invalid-purl":
            raise
        facts = {name: value for name, value in refusal.detail.items() if name != "code"}
        raise bad_request(str(facts.pop("problem")), parameter="purl", **facts) from refusal


def _respell(store: Store, event: models.PackageCreated) -> models.PackageCreated:
    """The same with the canonical purl; raises ``BadInput`` invalid-purl."""
    return replace(event, purl=store.packages.canonical_purl(event.purl))


def labels_of(given: list[str]) -> dict[str, str]:
    """The labels that the values of ``LABEL`` name."""
    labels: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise bad_request("label is key=value", parameter="label")
        if labels.setdefault(key, value) != value:
            raise bad_request(f"label {key} cannot have two values", parameter="label")
    return labels


async def _seal(call: Call) -> Answer:
    """Reads the files again when some came between reading and sealing."""
    package_id = call.id("package_id")
    attempt = 1
    while True:
        event = await call.read(lambda store: store.packages.sealing(package_id, call.body.get("reason")))
        check_manifest(event, call.body.get("manifest_digest"))
        new = NewEvent(event, package_id, call.actor, on_behalf_of=call.body.get("on_behalf_of"))
        try:
            (landed,) = await land(call, [new])
        except Refused as refusal:
            if refusal.code != "manifest-changed" or attempt == _SEAL_ATTEMPTS:
                raise
            attempt += 1
        else:
            return answer_event(call, landed)


async def _manifest(call: Call) -> Answer:
    package_id = call.id("package_id")

    def read(store: Store) -> Answer:
        package, found = store.packages.package(package_id), store.packages.sealing(package_id)
        head = {
            "package_id": package_id,
            "purl": package["purl"],
            "state": package["state"],
            "sealed_digest": package["manifest_digest"],
            "manifest_digest": found.manifest_digest,
            "file_count": found.file_count,
            "total_bytes": exact(found.total_bytes),
            "as_of": found.as_of,
        }
        files = store.pages.manifest_page(package_id, call.query["after"], call.query["limit"] + 1)
        return page(call, head, "files", files, ManifestEntry._asdict, lambda entry: entry.path)

    return await call.read(read)


async def _contents(call: Call) -> Answer:
    package_id = call.id("package_id")

    def read(store: Store) -> Answer:
        head = {
            "package": shown("Package")(store.packages.package(package_id)),
            "retention": shown("Retention")(store.packages.retention(package_id)),
        }
        files = store.pages.contents_page(package_id, call.query["after"], call.query["limit"] + 1)
        return page(call, head, "files", files, with_copies("FileWithCopies"), lambda row: row["file_id"])

    return await call.read(read)


def _id(store: Store, reference: UUID | str) -> UUID:
    if isinstance(reference, UUID):
        return reference
    package_id: UUID = store.packages.package(reference)["package_id"]
    return package_id


_EXPECTED = Field(
    "manifest_digest",
    "manifest_digest",
    False,
    Hash("refuse with manifest-changed unless the files make this manifest"),
)

ENDPOINTS = (
    many(
        "Package",
        "packages",
        "package_id",
        "/packages",
        "Packages, by purl",
        tag="packages",
        find=_find,
        query=(
            Parameter("purl", Text(max=1024), "the package with this purl, in any valid spelling"),
            Parameter("purl_prefix", Text(max=1024), "packages whose canonical purl begins so"),
            Parameter("type", Text(max=1024), "packages whose purl has this type"),
            Parameter("namespace", Text(max=1024), "packages whose purl has this namespace, percent-decoded"),
            Parameter("name", Text(max=1024), "packages whose purl has this name, percent-decoded"),
            Parameter("state", _STATES, "packages in this state"),
            LABEL,
            Parameter("actor", Text(max=255), "packages that this actor created"),
        ),
    ),
    CommandSpec(
        models.PackageCreated,
        "/packages",
        "Create a package, open for files",
        location="/packages/{}",
        respell=Respell("invalid-purl", _respell),
        doc="The purl may have any valid spelling; its canonical form is stored, and answered.",
        refusals=("invalid-purl", "name-taken", "id-taken", "not-future"),
    ).endpoint(),
    one(
        "Package",
        "/packages/{package_id}",
        "A package",
        tag="packages",
        key=Parameter(
            PACKAGE_ID.name, PackageReference(), "its id, or its purl in any valid spelling", required=True
        ),
        find=lambda store, reference: store.packages.package(reference),
        version=lambda store, row: store.packages.package_version(row),
        past=lambda store, reference, at: store.rebuilds.package_at(_id(store, reference), at),
        doc="All that follows /packages/pkg: is the purl, percent-encoded as any text in a path is: once "
        "more where the purl itself has a %, and %3F and %23 for its ? and #. Slashes may stay as they are.",
        refusals=("not-found", "invalid-purl"),
    ),
    CommandSpec(
        models.PackageLabeled,
        "/packages/{package_id}/labels",
        "Set and unset labels",
        refusals=("not-found", "purged", "nothing-to-do"),
    ).endpoint(),
    replace(
        CommandSpec(
            models.PackageSealed,
            "/packages/{package_id}/seal",
            "Seal a package: its files are final",
            doc="The service computes the manifest of the files that are there. manifest_digest is the guard"
            ": refused (manifest-changed) if the files are not those that the client saw in the manifest. "
            "If-Match guards them too: the ETag of an open package changes with its files.",
            refusals=("not-found", "not-open", "empty", "manifest-changed"),
        ).endpoint(),
        handle=_seal,
        body=(_EXPECTED, REASON, ON_BEHALF_OF),
    ),
    CommandSpec(
        models.PackageYanked,
        "/packages/{package_id}/yank",
        "Mark a sealed package as not to be chosen anew",
        refusals=("not-found", "no-change"),
    ).endpoint(),
    CommandSpec(
        models.PackageUnyanked,
        "/packages/{package_id}/unyank",
        "Take a yank back",
        refusals=("not-found", "no-change"),
    ).endpoint(),
    CommandSpec(
        models.PackageDeleted,
        "/packages/{package_id}/delete",
        "Delete a package; it can be restored",
        refusals=("not-found", "wrong-state", "legal-hold", "retention-active", "forbidden", "clock-behind"),
    ).endpoint(),
    CommandSpec(
        models.PackageRestored,
        "/packages/{package_id}/restore",
        "Restore a deleted package",
        refusals=("not-found", "wrong-state"),
    ).endpoint(),
    CommandSpec(
        models.PackagePurged,
        "/packages/{package_id}/purge",
        "Purge a deleted package for good",
        known=lambda store, call: {"file_count": store.pages.file_count(call.id("package_id"))},
        optional=("file_count",),
        refusals=(
            "not-found",
            "wrong-state",
            "legal-hold",
            "retention-active",
            "manifest-changed",
            "forbidden",
            "clock-behind",
        ),
    ).endpoint(),
    Endpoint(
        method="GET",
        path="/packages/{package_id}/manifest",
        role=Role.READER,
        tag="packages",
        summary="All files of a package as its manifest lists them",
        doc="manifest_digest is BLAKE3 of canonical CBOR [[path, size, blake3], …] of the files, ascending "
        "by path bytes; sealed_digest is what sealing stored, null before. Where the files do not fit into "
        "an answer of 4 MiB, next tells the path to go on after; digest, file_count and total_bytes are "
        "those of all files in every page, so that pages with other ones do not belong together.",
        handle=_manifest,
        answer=record(
            "A manifest.",
            package_id=ID,
            purl=TEXT,
            state=TEXT,
            sealed_digest=maybe(HEX),
            manifest_digest=HEX,
            file_count=COUNT,
            total_bytes=COUNT,
            as_of=COUNT,
            files=array(record("A file.", path=TEXT, size=COUNT, blake3=HEX)),
            next=maybe(TEXT),
        ),
        path_parameters=(PACKAGE_ID,),
        query=(
            Parameter("after", Text(max=1024), "path of the last file of the page before: its next"),
            Parameter("limit", Int(min=1, max=100_000), "files of the page", default=100_000),
            MIN_SEQUENCE,
        ),
        may_have=("Link",),
        refusals=("not-found",),
    ),
    Endpoint(
        method="GET",
        path="/packages/{package_id}/contents",
        role=Role.READER,
        tag="packages",
        summary="A package with its retention, its files and their copies",
        doc="Files by path, each with its copies that are not retired, the oldest first; package and "
        "retention are those of the same moment in every page.",
        handle=_contents,
        answer=record(
            "A package and a page of its files.",
            package=ref("Package"),
            retention=ref("Retention"),
            files=array(ref("FileWithCopies")),
            next=maybe(ID),
        ),
        path_parameters=(PACKAGE_ID,),
        query=(AFTER, LIMIT, MIN_SEQUENCE),
        may_have=("Link",),
        refusals=("not-found",),
    ),
)
