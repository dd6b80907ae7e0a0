-- purpose: remember idempotency keys
-- called by: fold, fold_waves
-- writes: requests
CREATE OR REPLACE FUNCTION artifactstore.project_requests(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_first bigint;
    v_requests bigint;
    v_inserted bigint;
BEGIN
    SELECT min(e.sequence), count(*) INTO v_first, v_requests
    FROM unnest(p_events) e WHERE e.payload ? 'request';
    IF v_requests = 0 THEN
        RETURN;
    END IF;
    INSERT INTO requests (actor, key, digest, first_sequence, events, created_sequence, last_sequence)
    SELECT e.actor, e.payload #>> '{request,key}', decode(e.payload #>> '{request,digest}', 'hex'),
        e.sequence, (e.payload #> '{request,events}')::bigint, e.sequence, e.sequence
    FROM unnest(p_events) e
    WHERE e.payload ? 'request'
    ORDER BY e.sequence
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_inserted = ROW_COUNT;
    IF v_inserted <> v_requests THEN
        PERFORM artifactstore.refuse_event(p_events, v_first, 'request-mismatch');
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.project_requests(artifactstore.decoded_event[]) IS
'Inserts the requests that p_events carry; a key is used once per actor';
