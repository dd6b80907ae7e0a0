-- purpose: who did what to what, when, with which result
-- called by: users, artifactstore audit
-- writes: nothing
CREATE VIEW artifactstore.audit_events AS
SELECT e.sequence, e.created_at, e.actor, d.payload ->> 'on_behalf_of' AS on_behalf_of,
    e.event_type AS action, 'applied'::text AS result, e.subject_kind, e.subject_id,
    s.package_id, p.purl, d.payload ->> 'reason' AS reason, d.payload ->> 'path' AS path,
    coalesce(d.payload ->> 'backend', d.payload #>> '{locations,0,backend}') AS backend,
    coalesce(d.payload ->> 'uri', d.payload #>> '{locations,0,uri}') AS uri,
    coalesce(d.payload ->> 'until', d.payload ->> 'to', d.payload #>> '{retention,until}')::timestamptz AS retain_until,
    (d.payload ->> 'hold_id')::uuid AS hold_id, d.payload
FROM artifactstore.events e
CROSS JOIN LATERAL (SELECT artifactstore.describe_payload(e.event_type, e.payload) AS payload OFFSET 0) d
CROSS JOIN LATERAL (SELECT CASE WHEN e.subject_kind IN ('package', 'retention') THEN e.subject_id
    ELSE (d.payload ->> 'package_id')::uuid END AS package_id) s
LEFT JOIN artifactstore.artifact_packages p ON p.package_id = s.package_id;

COMMENT ON VIEW artifactstore.audit_events IS 'Who did what, to what, when, with which result. Refused requests leave the log untouched, so the result is always applied';
COMMENT ON COLUMN artifactstore.audit_events.sequence IS 'Gapless position in the log';
COMMENT ON COLUMN artifactstore.audit_events.created_at IS 'When';
COMMENT ON COLUMN artifactstore.audit_events.actor IS 'Who';
COMMENT ON COLUMN artifactstore.audit_events.on_behalf_of IS 'For whom';
COMMENT ON COLUMN artifactstore.audit_events.action IS 'What: the event type';
COMMENT ON COLUMN artifactstore.audit_events.result IS 'Always applied';
COMMENT ON COLUMN artifactstore.audit_events.subject_kind IS 'What subject_id is';
COMMENT ON COLUMN artifactstore.audit_events.subject_id IS 'To what';
COMMENT ON COLUMN artifactstore.audit_events.package_id IS 'Package concerned';
COMMENT ON COLUMN artifactstore.audit_events.purl IS 'Its purl';
COMMENT ON COLUMN artifactstore.audit_events.reason IS 'Why';
COMMENT ON COLUMN artifactstore.audit_events.path IS 'Path of the file';
COMMENT ON COLUMN artifactstore.audit_events.backend IS 'Backend of the (first) location';
COMMENT ON COLUMN artifactstore.audit_events.uri IS 'URI of the (first) location';
COMMENT ON COLUMN artifactstore.audit_events.retain_until IS 'End of retention that it set';
COMMENT ON COLUMN artifactstore.audit_events.hold_id IS 'Legal hold concerned';
COMMENT ON COLUMN artifactstore.audit_events.payload IS 'The whole payload';
