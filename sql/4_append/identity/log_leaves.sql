-- purpose: the identity of each event: a digest of its whole row, AS-LEAF/1; nothing else in SQL knows it
-- called by: event_identity, users
-- writes: nothing
CREATE VIEW artifactstore.log_leaves AS
SELECT e.sequence, l.leaf, sha256(decode('00', 'hex') || l.leaf) AS hash
FROM artifactstore.events e
CROSS JOIN LATERAL (
    -- An array of eight; e.created_at may be before 1970, and CBOR counts downwards from -1.
    SELECT decode('88', 'hex') || artifactstore.cbor_head(0, e.sequence)
        || CASE WHEN e.created_at >= '1970-01-01 00:00:00+00'
            THEN artifactstore.cbor_head(0, artifactstore.to_micros(e.created_at))
            ELSE artifactstore.cbor_head(1, -1 - artifactstore.to_micros(e.created_at)) END
        || artifactstore.cbor_text(e.event_type) || artifactstore.cbor_text(e.subject_kind)
        || CASE WHEN e.subject_id IS NULL THEN decode('f6', 'hex')
            ELSE decode('50', 'hex') || uuid_send(e.subject_id) END
        || artifactstore.cbor_text(e.actor)
        || decode('5820', 'hex') || sha256(e.payload) || decode('5820', 'hex') || e.payload_digest AS leaf
) l;

COMMENT ON VIEW artifactstore.log_leaves IS
'Every event as its leaf (AS-LEAF/1): canonical CBOR of its columns, SHA-256 of the payload instead of it';
COMMENT ON COLUMN artifactstore.log_leaves.sequence IS 'Gapless position in the log';
COMMENT ON COLUMN artifactstore.log_leaves.leaf IS
'CBOR array of eight: sequence, created_at in µs, event_type, subject_kind, subject_id, actor, '
'SHA-256 of payload, payload_digest';
COMMENT ON COLUMN artifactstore.log_leaves.hash IS
'SHA-256 of a zero byte and the leaf: the identity of the event';
