-- purpose: the past is asked for by an event that is there, or by 0 for the beginning
-- called by: as_of, package_at, package_past, rebuild
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.refuse_no_event(p_sequence bigint)
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_head bigint := artifactstore.log_head();
BEGIN
    IF (p_sequence BETWEEN 0 AND v_head) IS NOT TRUE THEN
        PERFORM artifactstore.refuse('not-found', jsonb_build_object(
            'problem', format(
                'there is no event %s, the log ends at %s', coalesce(p_sequence::text, 'null'), v_head),
            'head', v_head,
            'head_at', (
                SELECT artifactstore.show_time(e.created_at)
                FROM artifactstore.events e WHERE e.sequence = v_head)));
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.refuse_no_event(bigint) IS
'Refuses not-found unless p_sequence is 0 or an event of the log';
