-- purpose: fold those events of an append that are new, and let a refusal tell their positions in it
-- called by: append
-- writes: the views, through projectors
CREATE OR REPLACE FUNCTION artifactstore.fold_new(p_events artifactstore.decoded_event[], p_head bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_new artifactstore.decoded_event[] := p_events;
    v_positions integer[];
    v_appending text;
    v_done boolean;
BEGIN
    -- Those of a known request keep their first sequences: then the last
    -- new one is not that many after the head.
    IF p_events[cardinality(p_events)].sequence <> p_head + cardinality(p_events) THEN
        SELECT array_agg(ROW(e.sequence, e.created_at, e.event_type, e.subject_id, e.actor,
            e.payload)::artifactstore.decoded_event ORDER BY e.n), array_agg(e.n ORDER BY e.n)
        INTO v_new, v_positions
        FROM unnest(p_events) WITH ORDINALITY
            AS e (sequence, created_at, event_type, subject_id, actor, payload, n)
        WHERE e.sequence > p_head;
    END IF;
    IF v_new IS NOT NULL THEN
        v_appending := set_config('artifactstore.appending', concat_ws(' ', p_head, v_positions::text), true);
        v_done := artifactstore.fold(v_new) IS NULL;
        v_appending := set_config('artifactstore.appending', '', true);
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.fold_new(artifactstore.decoded_event[], bigint) IS
'Folds those of p_events that come after p_head, as one command';
