"""Whose place a store is: nobody writes or removes in another's, or in his own after he forgot why."""

from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactstore.errors import ArtifactstoreError, Busy, Refused
from artifactstore.stores import marker
from artifactstore.stores.marker import LogHome, Marker
from artifactstore.stores.opening import open_store
from tests.stores.kinds import HOME, Tried

SECOND, THIRD = (uuid4(), 8), (uuid4(), 20)


def told(run: object, *arguments: object) -> str:
    """The code of a refusal; ``done`` without one."""
    try:
        run(*arguments)  # type: ignore[operator]
    except ArtifactstoreError as failure:
        return failure.code
    return "done"


def test_a_place_is_made_a_store_once(tried: Tried) -> None:
    assert marker.init(tried.store, HOME) is False
    found = marker.read(tried.again())
    assert found is not None
    assert found[0] == Marker(HOME.log_id, HOME.system, HOME.database, HOME.epoch_id, tried.settings.name, 0)


@pytest.mark.parametrize(
    ("home", "word"),
    [
        (replace(HOME, log_id=uuid4()), "belongs to log"),
        (replace(HOME, system=1), "copy of the log"),
        (replace(HOME, database=1), "copy of the log"),
    ],
)
def test_another_log_or_database_is_refused(tried: Tried, home: LogHome, word: str) -> None:
    for run in (marker.init, marker.check, marker.act_through):
        with pytest.raises(Refused, match=word) as refusal:
            run(tried.store, home)
        assert refusal.value.code == "store-mismatch"


def test_a_second_name_for_one_place_is_refused(shelf: Tried) -> None:
    other = open_store(replace(shelf.settings, name="other"))
    for run in (marker.init, marker.check, marker.act_through, marker.claim):
        assert told(run, other, HOME) == "store-mismatch"


@pytest.mark.parametrize(
    "data",
    [
        b"", b"x", b"[]", b"{}", b'{"format": 2}', b"\xff", b"[" * 60_000, b'{"format": 1, "log_id": "x"}',
        b'{"format": 1, "log_id": 7, "home": 1, "acted_through": 1, "store": "s", "epoch_id": 1}',
    ],
    ids=range(9),
)  # fmt: skip
def test_a_marker_that_cannot_be_read_is_nobodys(tried: Tried, data: bytes) -> None:
    found = tried.store.read_marker()
    assert found is not None
    tried.store.write_marker(data, found[1])
    for run in (marker.init, marker.check, marker.act_through, marker.claim):
        assert told(run, tried.store, HOME) == "store-mismatch"


def test_a_place_without_a_marker_is_away(shelf: Tried) -> None:
    assert shelf.settings.root is not None
    (shelf.settings.root / "artifactstore.json").unlink()
    for run in (marker.check, marker.act_through, marker.claim):
        with pytest.raises(Busy, match=r"artifactstore\.json") as refusal:
            run(shelf.store, HOME)
        assert refusal.value.code == "store-unavailable"
        assert "backend init" in refusal.value.hint


def through(tried: Tried) -> int:
    """How far removals were judged."""
    found = marker.read(tried.store)
    assert found is not None
    return found[0].acted_through


def test_removals_are_noted_and_only_go_on(tried: Tried) -> None:
    marker.act_through(tried.store, HOME)
    assert through(tried) == 10
    marker.act_through(tried.store, replace(HOME, head=12))
    assert through(tried) == 12
    # The same epoch ends before: a backup that nobody declared. It may be read and written, not removed from.
    assert told(marker.act_through, tried.store, replace(HOME, head=11)) == "store-mismatch"
    assert told(marker.check, tried.store, replace(HOME, head=11)) == "done"
    assert through(tried) == 12


@pytest.mark.parametrize(
    ("acted", "epochs", "head", "code"),
    [
        (8, (SECOND,), 9, "done"),  # nothing was lost that was acted on
        (9, (SECOND,), 30, "store-mismatch"),
        (8, (SECOND, THIRD), 30, "done"),
        (9, (SECOND, THIRD), 30, "store-mismatch"),  # the latest epoch kept 20, the one before lost 9
    ],
)
def test_a_new_epoch_goes_on_if_it_lost_nothing_that_was_acted_on(
    tried: Tried, acted: int, epochs: tuple[tuple[object, int], ...], head: int, code: str
) -> None:
    marker.act_through(tried.store, replace(HOME, head=acted))
    later = replace(HOME, head=head, epochs=(*HOME.epochs, *epochs))  # type: ignore[arg-type]
    assert told(marker.act_through, tried.store, later) == code
    assert told(marker.check, tried.store, later) == "done"
    if code == "done":
        assert through(tried) == head
    else:
        assert through(tried) == acted
        marker.claim(tried.store, later)
        marker.act_through(tried.store, later)
        assert through(tried) == head


def test_an_epoch_that_the_log_does_not_know_was_lost(tried: Tried) -> None:
    """The log was restored, removals went on, and then the older backup was restored."""
    marker.act_through(tried.store, replace(HOME, epochs=(*HOME.epochs, SECOND)))
    assert told(marker.act_through, tried.store, replace(HOME, head=100)) == "store-mismatch"


def test_a_log_that_moved_claims_its_place(tried: Tried) -> None:
    moved = replace(HOME, system=2, database=3, head=15)
    marker.act_through(tried.store, HOME)
    assert marker.owned(tried.store, moved).acted_through == 10
    marker.claim(tried.store, moved)
    assert told(marker.check, tried.store, moved) == "done"
    assert told(marker.check, tried.store, HOME) == "store-mismatch"


@given(
    st.builds(
        Marker,
        st.uuids(),
        st.integers(0, 2**63 - 1),
        st.integers(0, 2**32 - 1),
        st.uuids(),
        st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True),
        st.integers(0, 2**53 - 1),
    )
)
def test_a_marker_says_what_was_written(given_marker: Marker) -> None:
    assert Marker.decode(given_marker.encode()) == given_marker


@given(st.lists(st.integers(0, 50), max_size=5), st.integers(0, 50), st.data())
def test_what_is_kept_of_an_epoch_is_the_least_that_every_later_one_kept(
    kept: list[int], head: int, data: st.DataObject
) -> None:
    epochs = ((uuid4(), 0), *((uuid4(), last) for last in kept))
    home = replace(HOME, head=head, epochs=epochs)
    place = data.draw(st.integers(0, len(kept)))
    wanted = head
    for last in kept[place:]:
        wanted = min(wanted, last)
    assert home.kept_of(epochs[place][0]) == wanted
    assert home.kept_of(uuid4()) is None
