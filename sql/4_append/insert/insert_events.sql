-- purpose: put numbered events into the log, and ring the bell
-- called by: append, append_commands
-- writes: events
CREATE OR REPLACE FUNCTION artifactstore.insert_events(
    p_events artifactstore.decoded_event[], p_payloads bytea[], p_digests bytea[], p_head bigint
)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_inserted bigint;
    v_done boolean;
BEGIN
    INSERT INTO artifactstore.events
        (sequence, created_at, event_type, subject_kind, subject_id, actor, payload, payload_digest)
    SELECT (a.event).sequence, (a.event).created_at, (a.event).event_type,
        (SELECT t.subject_kind FROM artifactstore.event_types t WHERE t.event_type = (a.event).event_type),
        (a.event).subject_id, (a.event).actor, a.payload, a.digest
    -- Of functions in FROM each would be written to a store of its own first.
    FROM (SELECT unnest(p_events) AS event, unnest(p_payloads) AS payload, unnest(p_digests) AS digest) a
    WHERE (a.event).sequence > p_head;
    GET DIAGNOSTICS v_inserted = ROW_COUNT;
    IF v_inserted > 0 THEN
        v_done := artifactstore.ring_bell(p_head + v_inserted) IS NULL;
    END IF;
    RETURN v_inserted;
END
$$;

COMMENT ON FUNCTION artifactstore.insert_events(artifactstore.decoded_event[], bytea[], bytea[], bigint) IS
'Inserts those of p_events that come after p_head, with the payload and digest of the same position, '
'and tells listeners; how many';
