-- purpose: all parts of a rebuild are done: it is as if one session had folded them
-- called by: role operator (artifactstore replay)
-- writes: the progress and the parts of the rebuild
CREATE OR REPLACE FUNCTION artifactstore.end_parts()
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
DECLARE
    v_from bigint := artifactstore.check_rebuild();
    v_least bigint;
    v_events bigint;
    v_last bigint;
    v_point artifactstore.log_point;
BEGIN
    SELECT min(p.sequence), sum(p.events), max(p.last) INTO v_least, v_events, v_last
    FROM artifactstore_rebuild.parts p;
    IF v_least < v_last OR v_events <> v_last - v_from THEN
        PERFORM artifactstore.refuse('log-damaged', jsonb_build_object('problem', format(
            'the parts of the rebuild folded %s of the events %s to %s', v_events, v_from + 1, v_last)));
    ELSIF artifactstore.bytes_needed('artifactstore_rebuild') THEN
        PERFORM artifactstore.refuse('bytes-needed', '{}');
    END IF;
    v_point := artifactstore.point_at(v_last);
    UPDATE artifactstore_rebuild.progress
    SET sequence = v_last, epoch_id = v_point.epoch_id, log_id = v_point.log_id, identity = v_point.identity,
        noted_at = clock_timestamp();
    DELETE FROM artifactstore_rebuild.parts;
    RETURN v_last;
END
$$;

COMMENT ON FUNCTION artifactstore.end_parts() IS
'Notes that the rebuild reflects the event at which all its parts are, and returns it; refuses when they '
'folded fewer events than the log has, or when bytes were deleted that others needed: which event that is, a '
'rebuild in one session tells';
