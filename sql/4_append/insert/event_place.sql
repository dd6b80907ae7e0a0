-- purpose: which event of an append is refused: its number would be that of another event
-- called by: check_moment, check_objects, check_policies, fold_commands
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.event_place(
    p_events artifactstore.decoded_event[], p_sequence bigint
)
RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object('position', e.n, 'event_type', e.event_type, 'subject_id', e.subject_id)
    FROM unnest(p_events) WITH ORDINALITY
        AS e (sequence, created_at, event_type, subject_id, actor, payload, n)
    WHERE e.sequence = p_sequence
$$;

COMMENT ON FUNCTION artifactstore.event_place(artifactstore.decoded_event[], bigint) IS
'Position (from 1), type and subject of the event that would have had p_sequence';
