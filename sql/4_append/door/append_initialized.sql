-- purpose: begin the log, in the transaction of its first event
-- called by: append, append_commands, append_log_event (on an empty log, under the lock)
-- writes: events and, through fold, the live views
CREATE OR REPLACE FUNCTION artifactstore.append_initialized(p_event_type text, p_now timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_event artifactstore.decoded_event;
    v_payload bytea;
BEGIN
    -- A followed log brings its own beginning.
    IF p_event_type = 'v1.system.initialized' THEN
        RETURN 0;
    END IF;
    v_event := (1, p_now, 'v1.system.initialized', artifactstore.new_id(), 'system:artifactstore', NULL);
    v_payload := artifactstore.cbor_encode(v_event.event_type, json_build_object(
        'log_id', v_event.subject_id, 'epoch', 1, 'epoch_id', gen_random_uuid(),
        'payload_profile', 'AS-CBOR/1'));
    v_event.payload := artifactstore.cbor_decode(v_payload);

    -- Not through append: that would ring the bell twice in one transaction.
    PERFORM set_config('artifactstore.projecting', 'on', true);
    INSERT INTO artifactstore.events
        (sequence, created_at, event_type, subject_kind, subject_id, actor, payload, payload_digest)
    VALUES (v_event.sequence, v_event.created_at, v_event.event_type, 'system', v_event.subject_id,
        v_event.actor, v_payload, artifactstore.blake3(v_payload));
    PERFORM artifactstore.fold(ARRAY[v_event]);
    RETURN v_event.sequence;
END
$$;

COMMENT ON FUNCTION artifactstore.append_initialized(text, timestamptz) IS
'Appends v1.system.initialized at p_now unless the first event, of p_event_type, is one; returns the head';
