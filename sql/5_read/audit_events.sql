-- purpose: who did what to what, when, with which result
-- called by: users, artifactstore audit
-- writes: nothing
--
-- Package, purl and path come from the live views, not from the payload: so a condition on one of them is
-- answered by indexes, and only what is shown is decoded. OFFSET 0 keeps it to once per event.
CREATE VIEW artifactstore.audit_events AS
SELECT e.sequence, e.created_at, e.actor, d.payload ->> 'on_behalf_of' AS on_behalf_of,
    e.event_type AS action, 'applied'::text AS result, e.subject_kind, e.subject_id,
    s.package_id, p.purl, d.payload ->> 'reason' AS reason, f.path,
    coalesce(d.payload ->> 'backend', d.payload #>> '{locations,0,backend}') AS backend,
    coalesce(d.payload ->> 'uri', d.payload #>> '{locations,0,uri}') AS uri,
    coalesce(d.payload ->> 'until', d.payload ->> 'to', d.payload #>> '{retention,until}')::timestamptz
        AS retain_until,
    (d.payload ->> 'hold_id')::uuid AS hold_id, d.payload
FROM artifactstore.events e
LEFT JOIN artifactstore.all_subjects s ON s.subject_kind = e.subject_kind AND s.subject_id = e.subject_id
LEFT JOIN artifactstore.artifact_packages p ON p.package_id = s.package_id
LEFT JOIN artifactstore.artifact_files f ON f.package_id = s.package_id AND f.file_id = s.file_id
CROSS JOIN LATERAL (SELECT artifactstore.describe_payload(e.event_type, e.payload) AS payload OFFSET 0) d;

COMMENT ON VIEW artifactstore.audit_events IS
'Who did what, to what, when, with which result. Refused requests leave the log untouched, '
'so the result is always applied';
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
COMMENT ON COLUMN artifactstore.audit_events.path IS
'Path of the file that it is about, or a copy of which it is about';
COMMENT ON COLUMN artifactstore.audit_events.backend IS 'Backend of the (first) location';
COMMENT ON COLUMN artifactstore.audit_events.uri IS 'URI of the (first) location';
COMMENT ON COLUMN artifactstore.audit_events.retain_until IS 'End of retention that it set';
COMMENT ON COLUMN artifactstore.audit_events.hold_id IS 'Legal hold concerned';
COMMENT ON COLUMN artifactstore.audit_events.payload IS 'The whole payload';
