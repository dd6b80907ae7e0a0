-- purpose: where the log stood at an instant
-- called by: role reader (Store.sequence_at), in psql as the argument of as_of
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.sequence_at(
    p_instant timestamptz, p_before_all boolean DEFAULT false
)
RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_before bigint := 0;
    v_after bigint := artifactstore.log_head() + 1;
    v_middle bigint;
    v_first_at pg_catalog.timestamptz := (
        SELECT e.created_at FROM artifactstore.events e WHERE e.sequence = 1);
    v_last_at pg_catalog.timestamptz := (
        SELECT e.created_at FROM artifactstore.events e WHERE e.sequence = v_after - 1);
    v_created_at pg_catalog.timestamptz;
BEGIN
    -- Times of events may be ahead of a clock that was set back. An instant that has not come is no answer at
    -- all: what will be there is not known.
    IF (p_instant <= greatest(clock_timestamp(), v_last_at)) IS NOT TRUE THEN
        PERFORM artifactstore.refuse('not-found', jsonb_build_object(
            'problem', format(
                '%s has not come yet', coalesce(artifactstore.show_time(p_instant), 'no instant')),
            'head', v_after - 1, 'head_at', artifactstore.show_time(v_last_at),
            'clock', artifactstore.show_time(clock_timestamp())));
    ELSIF NOT p_before_all AND (p_instant >= v_first_at) IS NOT TRUE THEN
        PERFORM artifactstore.refuse('not-found', jsonb_build_object(
            'problem', CASE WHEN v_first_at IS NULL THEN 'the log has no event'
                ELSE format('the log begins at %s, after %s', artifactstore.show_time(v_first_at),
                    artifactstore.show_time(p_instant)) END,
            'head', v_after - 1, 'first_at', artifactstore.show_time(v_first_at),
            'head_at', artifactstore.show_time(v_last_at)));
    END IF;
    -- Times never decrease along the log.
    WHILE v_after - v_before > 1 LOOP
        v_middle := (v_before + v_after) / 2;
        SELECT e.created_at INTO v_created_at FROM artifactstore.events e WHERE e.sequence = v_middle;
        IF NOT FOUND THEN
            PERFORM artifactstore.refuse('log-damaged', jsonb_build_object(
                'sequence', v_middle, 'problem', 'the event is missing: a hole in the log'));
        ELSIF v_created_at <= p_instant THEN
            v_before := v_middle;
        ELSE
            v_after := v_middle;
        END IF;
    END LOOP;
    RETURN v_before;
END
$$;

COMMENT ON FUNCTION artifactstore.sequence_at(timestamptz, boolean) IS
'The last event that was there at p_instant. Refuses not-found for an instant that has not come, '
'by the clock and the head, and for one before the log began (p_before_all: 0 instead)';
