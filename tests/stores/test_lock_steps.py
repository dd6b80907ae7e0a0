"""Steps from one lock to another: they lead there, and on the way an object is never kept less well."""

from datetime import UTC, datetime, timedelta
from itertools import product

from artifactstore.stores.locks import ENDING, Lock, SetHold, SetRetention, steps

NOW = datetime(2026, 11, 28, 16, tzinfo=UTC)
ENDS = [NOW + timedelta(days=days) for days in (-1, 1, 2, 3)]

LOCKS = [
    Lock(hold=hold) if mode is None else Lock(mode, until, hold)
    for mode, until, hold in product([None, "governance", "compliance"], ENDS, [False, True])
]
PAIRS = list(product(LOCKS, LOCKS))
"""Every kind of lock with every other, ends in each order."""


def weaker(lock: Lock, *others: Lock) -> bool:
    """Whether it keeps an object less well than each of the others: some deletes that all refuse succeed."""

    def deletable(one: Lock, by_governor: bool, at: datetime) -> bool:
        left = one.at(at)
        return not left.hold and (left.mode is None or (left.mode == "governance" and by_governor))

    return any(
        deletable(lock, by, at) and not any(deletable(other, by, at) for other in others)
        for by in (False, True)
        for at in (NOW, *(end - timedelta(seconds=1) for end in ENDS[1:]))
    )


def test_steps_lead_there_and_never_below_both() -> None:
    for wanted, has in PAIRS:
        _try(wanted.at(NOW), has.at(NOW))


def _try(wanted: Lock, has: Lock) -> None:
    now, raised = has, True
    for step in steps(wanted, has, NOW):
        before = now
        if isinstance(step, SetHold):
            now = Lock(now.mode, now.until, step.on)
        else:
            assert before.mode != "compliance" or step.mode == "compliance", "nobody can take that back"
            assert step.bypass or before.mode is None or step.until > (before.until or NOW)
            now = Lock(step.mode, step.until, now.hold)
        assert raised or not step.raises, "what raises comes first"
        raised = step.raises
        if step.raises:
            assert not weaker(now, before) or not weaker(now, wanted)
        assert not weaker(now, has, wanted)
    if has.over(wanted):
        assert (now.mode, now.until) == (has.mode, has.until)
    elif wanted.mode is None and has.mode == "governance":
        assert now.until == NOW + ENDING
    else:
        assert now == wanted
    in_the_way = has.mode == "compliance" and wanted.mode == "governance"
    bridged = in_the_way and (wanted.until or NOW) > (has.until or NOW)
    assert now.hold == (wanted.hold or bridged)


def test_less_is_less_in_some_respect() -> None:
    for one, other in ((one.at(NOW), other.at(NOW)) for one, other in PAIRS):
        assert not one.under(one)
        assert one.under(other) or not weaker(one, other), (one, other)


def test_governance_that_is_taken_back_ends_soon() -> None:
    (step,) = steps(Lock(), Lock("governance", ENDS[3]), NOW)
    assert step == SetRetention("governance", NOW + ENDING, raises=False, bypass=True)
    assert list(steps(Lock(), Lock("governance", NOW + ENDING), NOW)) == []
