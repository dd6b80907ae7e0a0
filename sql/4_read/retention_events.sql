-- purpose: the history of retention and legal holds
-- called by: users
-- writes: nothing
CREATE VIEW artifactstore.retention_events AS
SELECT a.sequence, a.created_at, a.actor, a.on_behalf_of, a.action, a.package_id, a.purl,
    coalesce(a.payload ->> 'mode', a.payload #>> '{retention,mode}') AS mode,
    (a.payload ->> 'from')::timestamptz AS retain_until_before, a.retain_until, a.hold_id,
    a.payload ->> 'case' AS case_ref, a.reason
FROM artifactstore.audit_events a
WHERE a.subject_kind = 'retention' OR (a.subject_kind = 'package' AND a.payload ? 'retention');

COMMENT ON VIEW artifactstore.retention_events IS 'Every event that set, changed or held retention, from creation on';
COMMENT ON COLUMN artifactstore.retention_events.sequence IS 'Gapless position in the log';
COMMENT ON COLUMN artifactstore.retention_events.created_at IS 'When';
COMMENT ON COLUMN artifactstore.retention_events.actor IS 'Who';
COMMENT ON COLUMN artifactstore.retention_events.on_behalf_of IS 'For whom';
COMMENT ON COLUMN artifactstore.retention_events.action IS 'What: the event type';
COMMENT ON COLUMN artifactstore.retention_events.package_id IS 'Package concerned';
COMMENT ON COLUMN artifactstore.retention_events.purl IS 'Its purl';
COMMENT ON COLUMN artifactstore.retention_events.mode IS 'Mode that it set: governance or compliance';
COMMENT ON COLUMN artifactstore.retention_events.retain_until_before IS 'End of retention before an extension or shortening';
COMMENT ON COLUMN artifactstore.retention_events.retain_until IS 'End of retention that it set';
COMMENT ON COLUMN artifactstore.retention_events.hold_id IS 'Legal hold placed or released';
COMMENT ON COLUMN artifactstore.retention_events.case_ref IS 'Case of the hold';
COMMENT ON COLUMN artifactstore.retention_events.reason IS 'Why';
