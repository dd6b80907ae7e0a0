-- purpose: apply a range of the log to the view set that search_path names
-- called by: replay, rebuild
-- writes: the views, through fold
CREATE OR REPLACE FUNCTION artifactstore.project(p_first bigint, p_last bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_events artifactstore.decoded_event[];
BEGIN
    SELECT array_agg(ROW(e.sequence, e.created_at, e.event_type, e.subject_id, e.actor,
            artifactstore.decode_payload(
                e.event_type, e.payload, jsonb_build_object('sequence', e.sequence))
        )::artifactstore.decoded_event ORDER BY e.sequence)
    INTO v_events
    FROM artifactstore.events e
    WHERE e.sequence BETWEEN p_first AND p_last;
    IF coalesce(cardinality(v_events), 0) <> p_last - p_first + 1 THEN
        PERFORM artifactstore.refuse_hole(p_first, p_last);
    END IF;
    PERFORM artifactstore.fold(v_events);
END
$$;

COMMENT ON FUNCTION artifactstore.project(bigint, bigint) IS
'Applies the events p_first … p_last to the views: decodes each once and folds them; a hole in the range is refused';
