-- purpose: begin the log, in the transaction of its first event
-- called by: append, on an empty log
-- writes: through append
CREATE OR REPLACE FUNCTION artifactstore.append_initialized(p_event_type text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_log_id uuid := artifactstore.new_id();
    v_payload bytea;
BEGIN
    -- An imported or followed log brings its own beginning.
    IF p_event_type = 'v1.system.initialized' THEN
        RETURN 0;
    END IF;
    v_payload := artifactstore.cbor_encode('v1.system.initialized', json_build_object(
        'log_id', v_log_id, 'epoch', 1, 'epoch_id', gen_random_uuid(), 'payload_profile', 'AS-CBOR/1'));
    PERFORM artifactstore.append(
        ARRAY['v1.system.initialized'], ARRAY[v_log_id], ARRAY['system:artifactstore'],
        ARRAY[v_payload], ARRAY[artifactstore.blake3(v_payload)]);
    RETURN 1;
END
$$;

COMMENT ON FUNCTION artifactstore.append_initialized(text) IS
'Appends v1.system.initialized unless the first event, of p_event_type, is one; returns the head';
