-- purpose: the log with its payloads decoded, for people
-- called by: users
-- writes: nothing
CREATE VIEW artifactstore.event_log AS
SELECT e.sequence, e.created_at, e.event_type, e.subject_kind, e.subject_id, e.actor,
    artifactstore.describe_payload(e.event_type, e.payload) AS payload, e.payload_digest
FROM artifactstore.events e;

COMMENT ON VIEW artifactstore.event_log IS 'All events, payloads decoded';
COMMENT ON COLUMN artifactstore.event_log.sequence IS 'Gapless position in the log';
COMMENT ON COLUMN artifactstore.event_log.created_at IS 'When it was appended';
COMMENT ON COLUMN artifactstore.event_log.event_type IS 'What happened, see event_types';
COMMENT ON COLUMN artifactstore.event_log.subject_kind IS 'What subject_id is';
COMMENT ON COLUMN artifactstore.event_log.subject_id IS 'What it happened to';
COMMENT ON COLUMN artifactstore.event_log.actor IS 'Who did it';
COMMENT ON COLUMN artifactstore.event_log.payload IS
'Payload: ids as uuid, digests as hex, times as RFC 3339';
COMMENT ON COLUMN artifactstore.event_log.payload_digest IS 'BLAKE3 of the stored payload';
