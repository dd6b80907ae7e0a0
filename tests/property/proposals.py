"""Which function proposes which event type."""

from collections.abc import Callable, Mapping

from tests.property import propose_files, propose_packages, propose_retention, propose_system
from tests.property.world import Proposal, World

PROPOSALS: Mapping[str, Callable[[World], Proposal | None]] = {
    "v1.package.created": propose_packages.created,
    "v1.package.labeled": propose_packages.labeled,
    "v1.package.sealed": propose_packages.sealed,
    "v1.package.yanked": propose_packages.yanked,
    "v1.package.unyanked": propose_packages.unyanked,
    "v1.package.deleted": propose_packages.deleted,
    "v1.package.restored": propose_packages.restored,
    "v1.package.purged": propose_packages.purged,
    "v1.file.ingested": propose_files.ingested,
    "v1.file.removed": propose_files.removed,
    "v1.storage.registered": propose_files.registered,
    "v1.storage.verified": propose_files.verified,
    "v1.storage.failed": propose_files.failed,
    "v1.storage.retired": propose_files.retired,
    "v1.retention.applied": propose_retention.applied,
    "v1.retention.extended": propose_retention.extended,
    "v1.retention.escalated": propose_retention.escalated,
    "v1.retention.shortened": propose_retention.shortened,
    "v1.retention.hold_placed": propose_retention.hold_placed,
    "v1.retention.hold_released": propose_retention.hold_released,
    "v1.system.initialized": propose_system.initialized,
    "v1.system.restored": propose_system.log_restored,
    "v1.system.token_issued": propose_system.token_issued,
    "v1.system.token_revoked": propose_system.token_revoked,
}
"""How to propose an event of each type; None when no such event is allowed now."""
