-- purpose: a request covers exactly the events that it says
-- called by: number_events
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.check_request_group(
    p_events artifactstore.decoded_event[], p_position integer, p_left bigint, p_seen text[]
)
RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_first artifactstore.decoded_event := p_events[p_position];
    v_events bigint := (v_first.payload #> '{request,events}')::bigint;
    v_problem text;
BEGIN
    IF p_left > 0 THEN
        v_problem := 'it begins before the one before it ends';
    ELSIF p_position + v_events - 1 > cardinality(p_events) THEN
        v_problem := format('it says %s events, %s are left', v_events, cardinality(p_events) - p_position + 1);
    ELSIF jsonb_build_array(v_first.actor, v_first.payload #> '{request,key}')::text = ANY (p_seen) THEN
        v_problem := 'its key is twice in this append';
    ELSIF EXISTS (
        SELECT FROM unnest(p_events[p_position:p_position + v_events - 1]) e WHERE e.actor <> v_first.actor)
    THEN
        v_problem := 'its events have different actors';
    END IF;
    IF v_problem IS NOT NULL THEN
        PERFORM artifactstore.refuse('bad-request-group', jsonb_build_object(
            'position', p_position, 'key', v_first.payload #>> '{request,key}', 'problem', v_problem));
    END IF;
    RETURN v_events;
END
$$;

COMMENT ON FUNCTION artifactstore.check_request_group(artifactstore.decoded_event[], integer, bigint, text[]) IS
'Number of events of the request that begins at p_position; refuses overlaps, a wrong count, a key given twice, other actors';
