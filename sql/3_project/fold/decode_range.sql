-- purpose: a range of the log, decoded
-- called by: project
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.decode_range(p_first bigint, p_last bigint)
RETURNS artifactstore.decoded_event[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_events artifactstore.decoded_event[];
BEGIN
    SELECT array_agg(ROW(e.sequence, e.created_at, e.event_type, e.subject_id, e.actor,
            artifactstore.decode_payload(
                e.event_type, e.payload, jsonb_build_object('sequence', e.sequence), t.shape)
        )::artifactstore.decoded_event ORDER BY e.sequence)
    INTO v_events
    FROM artifactstore.events e
    LEFT JOIN artifactstore.event_types t ON t.event_type = e.event_type
    WHERE e.sequence BETWEEN p_first AND p_last;
    IF coalesce(cardinality(v_events), 0) <> p_last - p_first + 1 THEN
        PERFORM artifactstore.refuse_hole(p_first, p_last);
    END IF;
    RETURN v_events;
END
$$;

COMMENT ON FUNCTION artifactstore.decode_range(bigint, bigint) IS
'The events p_first … p_last in order, each payload decoded once; '
'refuses what does not fit the catalogue, and a hole';
