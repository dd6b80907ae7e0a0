"""Bytes of a store, and everybody who writes, deletes and forgets them, as a graph of states.

Uploads of one content, each for a package of its own that may be purged; removers, which may crash; a
collector of orphans; the clock of the database, which also may step back. Whatever was sent to the store to
be deleted may arrive at any later moment, and again. ``search`` looks at every state that any order of steps
leads to. The rules of docs/explanation/bytes.md are here as they are in the doors and the keeper;
each can be left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

WINDOW = 1
"""Ticks after the making of a key in which its first event is taken."""
MARGIN = 1
"""Ticks that the collector waits beyond that; the clock steps back by no more."""

START, SENDING, TELLING, LIVE, RETIRING, RETIRED, REFUSED = range(7)
"""An upload: before it has a key, then before its bytes are written, then before its event is appended; then
the state of its location. An event that is refused has no location."""
_NAMING = frozenset({LIVE, RETIRING, RETIRED})
_IDLE = (-1, 0, False)


@dataclass(frozen=True, slots=True)
class Rules:
    """What is held to, and how many take part.

    Attributes:
        doom_is_forever: no event names a key again that is named and by no live location.
        late_is_refused: the first event that names a key comes soon after the key was made.
        objects_are_judged: a remover asks who else names the bytes of a row.
        keys_are_used_once: an upload has a key of its own, else content has one; one that was given up by
            all may then be used again.
    """

    doom_is_forever: bool = True
    late_is_refused: bool = True
    objects_are_judged: bool = True
    keys_are_used_once: bool = True
    uploads: int = 2
    removers: int = 2


class State(NamedTuple):
    """All there is; keys are numbers, sets of keys or of uploads are bits.

    Attributes:
        stepped_back: the clock did, once. made: when each key was, -1 if it was not.
        uploads: where each is, and its key. stored: keys with bytes. sent: keys of which a DELETE was sent.
        removers: what each is about: its key (-1: nothing), the locations that it saw, whether the store
            answered.
    """

    clock: int
    stepped_back: bool
    made: tuple[int, ...]
    uploads: tuple[tuple[int, int], ...]
    stored: int
    sent: int
    removers: tuple[tuple[int, int, bool], ...]


def beginning(rules: Rules) -> State:
    """Nothing was uploaded."""
    return State(
        0, False, (-1,) * rules.uploads, ((START, -1),) * rules.uploads, 0, 0, (_IDLE,) * rules.removers
    )


def broken(state: State) -> bool:
    """Whether a live location names bytes that are not there."""
    return any(phase == LIVE and not state.stored >> key & 1 for phase, key in state.uploads)


def search(rules: Rules, most: int | None = None) -> tuple[int, list[str] | None]:
    """How many states there are, nearest first, and the shortest way to a broken one, None if all are good.

    Args:
        most: states after which nothing further is looked for.
    """
    first = beginning(rules)
    number = {first: 0}
    states, came_from, by = [first], [0], [""]
    at = 0
    while at < len(states):
        for name, state in steps(rules, states[at]):
            if state in number:
                continue
            number[state] = len(states)
            states.append(state)
            came_from.append(at)
            by.append(name)
            if broken(state):
                return len(states), _way(len(states) - 1, came_from, by)
        at += 1
        if most is not None and len(states) >= most:
            break
    return len(states), None


def _way(at: int, came_from: list[int], by: list[str]) -> list[str]:
    names = []
    while at:
        names.append(by[at])
        at = came_from[at]
    return names[::-1]


def steps(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    """All that may happen next."""
    yield from _time(state)
    yield from _uploads(rules, state)
    yield from _keeper(rules, state)
    for key in _keys(state.sent & state.stored):
        yield f"a DELETE of {key} arrives", state._replace(stored=state.stored & ~(1 << key))


def _time(state: State) -> Iterator[tuple[str, State]]:
    if state.clock < WINDOW + MARGIN + 1:
        yield "the clock goes on", state._replace(clock=state.clock + 1)
    if state.clock >= MARGIN and not state.stepped_back:
        yield "the clock steps back", state._replace(clock=state.clock - MARGIN, stepped_back=True)


def _uploads(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    for number, (phase, key) in enumerate(state.uploads):
        if phase == START:
            own = number if rules.keys_are_used_once else 0
            made = (*state.made[:own], state.clock, *state.made[own + 1 :])
            yield f"upload {number} takes key {own}", _moved(state, number, SENDING, own)._replace(made=made)
            for known in {other for at, other in state.uploads if at == LIVE}:
                yield f"upload {number} finds {known} known", _moved(state, number, TELLING, known)
        elif phase == SENDING:
            written = state._replace(stored=state.stored | 1 << key)
            yield f"upload {number} has written {key}", _moved(written, number, TELLING, key)
        elif phase == TELLING:
            taken = LIVE if _door(rules, state, key) else REFUSED
            yield f"upload {number} appends", _moved(state, number, taken, key)
        elif phase == LIVE:
            yield f"package {number} is purged", _moved(state, number, RETIRING, key)


def _door(rules: Rules, state: State, key: int) -> bool:
    """Whether an event that names this key is taken."""
    named = {phase for phase, other in state.uploads if other == key} & _NAMING
    if not rules.keys_are_used_once and named == {RETIRED}:
        named = set()
    if named:
        return LIVE in named or not rules.doom_is_forever
    return state.clock - state.made[key] <= WINDOW or not rules.late_is_refused


def _keeper(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    unretired: dict[int, set[int]] = {}
    for phase, key in state.uploads:
        if phase in (LIVE, RETIRING):
            unretired.setdefault(key, set()).add(phase)
    for remover, (key, seen, answered) in enumerate(state.removers):
        if key < 0:
            for one, phases in unretired.items():
                if RETIRING in phases and (phases == {RETIRING} or not rules.objects_are_judged):
                    rows = sum(1 << n for n, at in enumerate(state.uploads) if at == (RETIRING, one))
                    begun = state._replace(sent=state.sent | 1 << one)
                    yield f"a remover sends a DELETE of {one}", _busy(begun, remover, (one, rows, False))
            continue
        yield f"the remover of {key} crashes", _busy(state, remover, _IDLE)
        if answered:
            yield f"the remover of {key} appends", _busy(_told(state, key, seen), remover, _IDLE)
        else:
            gone = state._replace(stored=state.stored & ~(1 << key))
            yield f"the store answers that {key} is gone", _busy(gone, remover, (key, seen, True))
    for key in _keys(state.stored & ~state.sent):
        if key not in unretired and state.clock - state.made[key] > WINDOW + MARGIN:
            yield f"the collector sends a DELETE of {key}", state._replace(sent=state.sent | 1 << key)


def _told(state: State, key: int, seen: int) -> State:
    """After a remover's event; refused, nothing changes."""
    named = [
        n for n, (phase, other) in enumerate(state.uploads) if other == key and phase in (LIVE, RETIRING)
    ]
    if any(not seen >> n & 1 for n in named):
        return state
    for n in named:
        state = _moved(state, n, RETIRED, key)
    return state


def _moved(state: State, number: int, phase: int, key: int) -> State:
    """With one upload somewhere else; what is refused has no key any more."""
    here = (phase, -1 if phase == REFUSED else key)
    return state._replace(uploads=(*state.uploads[:number], here, *state.uploads[number + 1 :]))


def _busy(state: State, remover: int, about: tuple[int, int, bool]) -> State:
    """With one remover about something else; which of several it is, makes no difference."""
    others = (*state.removers[:remover], *state.removers[remover + 1 :])
    return state._replace(removers=tuple(sorted((*others, about))))


def _keys(bits: int) -> Iterator[int]:
    key = 0
    while bits >> key:
        if bits >> key & 1:
            yield key
        key += 1
