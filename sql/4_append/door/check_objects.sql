-- purpose: a key of a store is used once: what is being removed is not named again, nor what came too late
-- called by: admit_events, under the lock
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.check_objects(p_events artifactstore.decoded_event[], p_head bigint)
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_fault record;
BEGIN
    -- Of one event it is told at a glance, and most appends are of one.
    IF cardinality(p_events) = 1 AND (CASE p_events[1].event_type
        WHEN 'v1.storage.retired' THEN p_events[1].payload ->> 'outcome' <> 'deleted'
        WHEN 'v1.file.ingested' THEN strpos(p_events[1].payload::text, '"store:') = 0
        WHEN 'v1.storage.registered' THEN p_events[1].payload ->> 'uri' NOT LIKE 'store:%'
        ELSE true END)
    THEN
        RETURN;
    END IF;
    SELECT * INTO v_fault FROM artifactstore.object_fault(p_events, p_head);
    IF v_fault.code IS NOT NULL THEN
        PERFORM artifactstore.refuse(
            v_fault.code, artifactstore.event_place(p_events, v_fault.sequence) || v_fault.facts);
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.check_objects(artifactstore.decoded_event[], bigint) IS
'Refuses new events by what object_fault finds: bad-uri, bytes-going, upload-expired, not-retiring, '
'bytes-needed';
