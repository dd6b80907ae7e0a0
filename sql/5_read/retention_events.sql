-- purpose: the history of retention and legal holds
-- called by: users
-- writes: nothing
CREATE VIEW artifactstore.retention_events AS
SELECT e.sequence, e.created_at, e.actor, d.payload ->> 'on_behalf_of' AS on_behalf_of,
    e.event_type AS action, e.subject_id AS package_id, p.purl,
    coalesce(d.payload ->> 'mode', d.payload #>> '{retention,mode}') AS mode,
    (d.payload ->> 'from')::timestamptz AS retain_until_before,
    coalesce(d.payload ->> 'until', d.payload ->> 'to', d.payload #>> '{retention,until}')::timestamptz
        AS retain_until,
    (d.payload ->> 'hold_id')::uuid AS hold_id,
    d.payload ->> 'case' AS case_ref, d.payload ->> 'reason' AS reason
FROM artifactstore.events e
LEFT JOIN artifactstore.artifact_packages p ON p.package_id = e.subject_id
CROSS JOIN LATERAL (SELECT artifactstore.describe_payload(e.event_type, e.payload) AS payload OFFSET 0) d
-- Judged before decoding: of the events of packages themselves only the creation may set retention.
WHERE e.subject_kind IN ('retention', 'package')
    AND (e.subject_kind = 'retention' OR e.event_type = 'v1.package.created')
    AND (e.subject_kind = 'retention' OR d.payload ? 'retention');

COMMENT ON VIEW artifactstore.retention_events IS
'Every event that set, changed or held retention, from creation on';
COMMENT ON COLUMN artifactstore.retention_events.sequence IS 'Gapless position in the log';
COMMENT ON COLUMN artifactstore.retention_events.created_at IS 'When';
COMMENT ON COLUMN artifactstore.retention_events.actor IS 'Who';
COMMENT ON COLUMN artifactstore.retention_events.on_behalf_of IS 'For whom';
COMMENT ON COLUMN artifactstore.retention_events.action IS 'What: the event type';
COMMENT ON COLUMN artifactstore.retention_events.package_id IS 'Package concerned';
COMMENT ON COLUMN artifactstore.retention_events.purl IS 'Its purl';
COMMENT ON COLUMN artifactstore.retention_events.mode IS 'Mode that it set: governance or compliance';
COMMENT ON COLUMN artifactstore.retention_events.retain_until_before IS
'End of retention before an extension or shortening';
COMMENT ON COLUMN artifactstore.retention_events.retain_until IS 'End of retention that it set';
COMMENT ON COLUMN artifactstore.retention_events.hold_id IS 'Legal hold placed or released';
COMMENT ON COLUMN artifactstore.retention_events.case_ref IS 'Case of the hold';
COMMENT ON COLUMN artifactstore.retention_events.reason IS 'Why';
