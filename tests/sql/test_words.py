"""Lists of words are the same in Python and in the CHECKs of the tables."""

import re
from typing import Any, get_args

import psycopg

from artifactstore.access import ROLES
from artifactstore.errors import ERRORS
from artifactstore.events import EVENT_TYPES, Event
from artifactstore.jobs.exports.check import CLOCK_TOLERANCE
from artifactstore.lacking import KINDS
from artifactstore.migrate.roles import PARTS
from artifactstore.store import Store
from artifactstore.words import (
    FILE_STATES,
    KEEPER_JOBS,
    LOCATION_STATES,
    MODES,
    PACKAGE_STATES,
    RETENTION_MODES,
    SUBJECT_KINDS,
    VIEW_SET_PURPOSES,
)


def choices(attribute: str) -> tuple[str, ...]:
    """What a class variable of ``Event`` may be, by its annotation."""
    (literal,) = get_args(Event.__annotations__[attribute])
    return get_args(literal)


LISTS = {
    "artifact_files_state_check": FILE_STATES,
    "artifact_packages_state_check": PACKAGE_STATES,
    "event_types_lane_check": choices("lane"),
    "event_types_min_role_check": choices("min_role"),
    "event_types_subject_kind_check": SUBJECT_KINDS,
    "events_subject_kind_check": SUBJECT_KINDS,
    "keeper_runs_job_check": KEEPER_JOBS,
    "retention_state_mode_check": MODES,
    "roles_role_check": tuple(PARTS),
    "storage_locations_state_check": LOCATION_STATES,
    "store_locks_mode_check": RETENTION_MODES,
    "tokens_roles_check": ROLES,
    "view_sets_purpose_check": VIEW_SET_PURPOSES,
}
"""Constraint → the list in Python that says the same."""
IN_SQL_ALONE = "purl_types_"
"""What these choose from comes from the definitions of the purl specification, see tests/purl_types.py."""


def listed(check: str) -> tuple[str, ...]:
    """The words of a CHECK, which has them as a list or as the text of an array."""
    array = re.search(r"'{([\w,]+)}'", check)
    return tuple(array[1].split(",") if array else re.findall(r"'(\w+)'", check))


def test_every_list_of_a_check_is_said_in_python_too(module_connection: psycopg.Connection[Any]) -> None:
    rows = module_connection.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'c' AND connamespace = 'artifactstore'::regnamespace"
    )
    found = {
        name: listed(told)
        for name, told in rows
        if ("ARRAY[" in told or "'{" in told) and not name.startswith(IN_SQL_ALONE)
    }
    assert found == LISTS


def test_the_kinds_of_subjects_are_those_of_the_event_types() -> None:
    assert {name.split(".")[1] for name in EVENT_TYPES} == set(SUBJECT_KINDS)


def test_a_login_can_be_given_every_part_but_that_of_the_owner(
    module_connection: psycopg.Connection[Any],
) -> None:
    parts = PARTS.keys() - {"owner"}
    assert {part for needed, _ in KINDS.values() for part in needed} == parts
    assert KINDS.keys() == parts
    assert Store(module_connection).grants.roles_of_parts().keys() == parts


def test_the_message_about_the_clock_says_how_far_ahead_a_time_may_be() -> None:
    assert f" {CLOCK_TOLERANCE.seconds} s " in ERRORS["clock-behind"].message
