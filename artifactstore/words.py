"""Words that a column, a field or an option chooses from: each list is said here, and once.

A test compares them with the CHECKs of the tables, which say the same in SQL (tests/sql/test_words.py).
"""

SUBJECT_KINDS = ("package", "file", "retention", "storage", "system")
"""What an event can be about: ``events.subject_kind``, the middle of an event type."""

PACKAGE_STATES = ("open", "sealed", "deleted", "purged")
RESTORABLE_STATES = ("open", "sealed")
"""To which a deleted package comes back: ``artifact_packages.prior_state``."""

FILE_STATES = ("ingested", "verified", "corrupted", "removed", "purged")

LOCATION_STATES = ("registered", "verified", "failed", "retiring", "retired")
KEPT_LOCATION_STATES = tuple(state for state in LOCATION_STATES if state != "retired")
CHECK_METHODS = ("full_read", "backend_checksum")
CHECK_FAILURES = ("missing", "size_mismatch", "digest_mismatch", "unreachable")
RETIRE_OUTCOMES = ("deleted", "not_found", "detached")

KEEPER_JOBS = ("remove", "collect", "check", "repair", "replicate", "lock")
"""What the keeper does to stores: ``keeper_runs.job``."""

RETENTION_MODES = ("governance", "compliance")
"""That an event can set; a package has none before."""
MODES = ("none", *RETENTION_MODES)

VIEW_SET_PURPOSES = ("snapshot", "past")
"""Why a view set is kept: a replay may begin from it, or somebody asked for the past."""
