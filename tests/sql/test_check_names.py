"""check_names: who somebody is and what a label is called have one spelling, and nothing hidden (F50).

Free text (reasons, values of labels) is kept as it was written, and so are paths, but for their normal form.
"""

import unicodedata
from typing import Any

import pytest

from artifactstore import codec
from artifactstore.errors import ArtifactstoreError
from artifactstore.events import NewEvent, PackageCreated, PackageLabeled, PackageYanked, TokenIssued, new_id
from artifactstore.store import Store
from tests.databases import Connect
from tests.log.door import append_json, refused

HIDDEN = {
    "zero-width space": ("a\u200bb", 2, "U+200B"),
    "no-break space": ("a\u00a0b", 2, "U+00A0"),
    "direction": ("\u202eab", 1, "U+202E"),
    "joiner": ("ab\u200d", 3, "U+200D"),
    "control": ("a\x1b[2J", 2, "U+001B"),
    "tag": ("a\U000e0041", 2, "U+E0041"),
}
NFD = unicodedata.normalize("NFD", "Zoë")
GOOD = ["user:ann", "Zoë", "Ключ", "鍵", "a b", "a/b@c#d", "😀"]


@pytest.fixture
def store(connect: Connect) -> Store:
    return Store(connect("service"))


def created(**fields: Any) -> PackageCreated:
    return PackageCreated(purl=f"pkg:generic/a@{new_id()}", **fields)


def events(name: str) -> dict[str, NewEvent]:
    """An event that has the name in each place where one is checked."""
    package = new_id()
    return {
        "actor": NewEvent(created(), package, name),
        "on_behalf_of": NewEvent(created(), package, "user:ann", on_behalf_of=name),
        f"labels.{name}": NewEvent(created(labels={name: "x"}), package, "user:ann"),
        f"set.{name}": NewEvent(PackageLabeled(set={name: "x"}), package, "user:ann"),
    }


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("kind", [*HIDDEN, "normal form"])
def test_f50_names_with_what_cannot_be_seen_are_refused(store: Store, kind: str, place: int) -> None:
    name, at, character = HIDDEN.get(kind, (NFD, None, None))
    field, event = list(events(name).items())[place]
    fine = NewEvent(created(), new_id(), "user:ann")
    with pytest.raises(ArtifactstoreError) as caught:
        store.writes.append([fine, event])
    assert caught.value.code == ("bad-actor" if field == "actor" else "bad-payload")
    told = caught.value.detail
    assert (told["field"], told["position"], told.get("at"), told.get("character")) == (
        field,
        2,
        at,
        character,
    )
    assert store.log.head() == 0


@pytest.mark.parametrize("name", GOOD)
def test_f50_names_in_any_script_are_taken(store: Store, name: str) -> None:
    package = new_id()
    store.writes.append([NewEvent(created(labels={name: "x"}), package, name, on_behalf_of=name)])
    store.writes.append([NewEvent(PackageLabeled(set={name: "y"}), package, name)])
    found = store.packages.package(package)
    assert (found["labels"], found["producer"]) == ({name: "y"}, name)


@pytest.mark.parametrize("kind", [*HIDDEN, "normal form"])
def test_f50_the_holder_of_a_token_is_such_a_name(store: Store, kind: str) -> None:
    """All that is done with the token would be refused."""
    name, _, _ = HIDDEN.get(kind, (NFD, None, None))
    with pytest.raises(ArtifactstoreError, match="bad-actor"):
        store.tokens.issue_token(
            TokenIssued(token_id=new_id(), roles=("reader",)), "user:op", name, bytes(32)
        )
    assert store.log.head() == 0


def test_f50_free_text_is_kept_as_it_was_written(store: Store) -> None:
    package = new_id()
    family = "👩\u200d👩\u200d👧 " + NFD
    store.writes.append([NewEvent(created(labels={"who": family}), package, "user:ann")])
    labeled = PackageLabeled(set={"why": family}, reason=family)
    (appended,) = store.writes.append([NewEvent(labeled, package, "user:ann")])
    payload = next(store.log.stored_events(appended.sequence - 1)).payload
    assert codec.decode(payload)["reason"] == family
    assert store.packages.package(package)["labels"] == {"who": family, "why": family}


def test_f50_psql_meets_the_same_rule(connect: Connect) -> None:
    writer = connect("writer")
    with refused(connect(), "bad-payload") as refusal:
        payload = {"purl": "pkg:generic/a@1", "labels": {"a\u200b": "x"}}
        append_json(writer, "v1.package.created", new_id(), payload)
    assert refusal.detail["character"] == "U+200B"


def test_f50_a_label_of_an_older_log_can_be_unset(connect: Connect, store: Store) -> None:
    """What the door let in once must not stay for ever because it would not be let in again."""
    owner = connect()
    package = new_id()
    store.writes.append([NewEvent(created(labels={"a": "x"}), package, "user:ann")])
    owner.execute("SET artifactstore.projecting = 'on'")
    owner.execute(
        "UPDATE artifactstore.artifact_packages SET labels = jsonb_build_object(%s::text, 'x')", ("a\u200b",)
    )
    store.writes.append([NewEvent(PackageLabeled(unset=("a\u200b",)), package, "user:ann")])
    assert store.packages.package(package)["labels"] == {}


def test_f50_the_position_is_that_of_the_first(store: Store) -> None:
    package = new_id()
    made = NewEvent(created(), package, "user:ann")
    bad = [NewEvent(PackageYanked(reason="r"), package, f"user:{n}\u200b") for n in range(3)]
    with pytest.raises(ArtifactstoreError) as caught:
        store.writes.append([made, *bad])
    assert caught.value.detail["position"] == 2
