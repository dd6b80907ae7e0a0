"""No order of steps takes the bytes of a live location; without any one of the rules, some order does."""

import pytest

from tests.effort import STATES_OF_BYTES
from tests.property.bytes_model import Rules, search

MUTATIONS = {
    "doom is not for ever": (Rules(doom_is_forever=False), 8),
    "late uploads are taken": (Rules(late_is_refused=False), 8),
    "F01: rows are judged alone": (Rules(objects_are_judged=False), 8),
    "keys are used again": (Rules(keys_are_used_once=False), 9),
}
"""What is left out, and the fewest steps that then break something."""


def test_every_interleaving_of_two_uploads_is_good() -> None:
    states, way = search(Rules())
    assert way is None
    assert states > 10_000


def test_three_uploads_are_good_as_far_as_was_looked() -> None:
    states, way = search(Rules(uploads=3), STATES_OF_BYTES)
    assert way is None
    assert states >= STATES_OF_BYTES


@pytest.mark.parametrize("left_out", MUTATIONS)
def test_without_a_rule_something_breaks(left_out: str) -> None:
    rules, fewest = MUTATIONS[left_out]
    _, way = search(rules)
    assert way is not None
    assert len(way) == fewest, way
