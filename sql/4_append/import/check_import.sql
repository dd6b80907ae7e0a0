-- purpose: what append would have made of these events by itself must be so in an import too
-- called by: import_events, under the lock
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.check_import(
    p_first bigint, p_created_at timestamptz[], p_event_types text[], p_subject_kinds text[],
    p_allow_future boolean
)
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_head timestamptz := (SELECT e.created_at FROM artifactstore.events e WHERE e.sequence = p_first - 1);
    v_clock timestamptz := clock_timestamp();
    v_latest timestamptz := v_clock + artifactstore.clock_tolerance();
    v_event record;
BEGIN
    SELECT * INTO v_event
    FROM (
        SELECT p_first + a.position - 1 AS sequence, a.event_type, a.created_at, c.code, c.problem
        FROM (
            SELECT u.*, lag(u.created_at, 1, v_head) OVER (ORDER BY u.position) AS before
            FROM unnest(p_created_at, p_event_types, p_subject_kinds) WITH ORDINALITY
                AS u (created_at, event_type, subject_kind, position)) a
        LEFT JOIN artifactstore.event_types t ON t.event_type = a.event_type
        CROSS JOIN LATERAL (VALUES
            (1, t.event_type IS NULL, 'unknown-event-type', a.event_type),
            (2, p_first + a.position - 1 > 9007199254740991, 'log-full',
                '9007199254740991 is the last number'),
            (3, p_first + a.position = 2 AND a.event_type <> 'v1.system.initialized', 'no-continuation',
                'a log begins with v1.system.initialized'),
            (4, a.created_at < a.before, 'no-continuation', 'its time is before that of the event before it'),
            (5, t.subject_kind <> a.subject_kind, 'bad-subject', 'subject_kind ' || a.subject_kind),
            -- As at the door of append: a time that is made up must not end a retention. Of any other event
            -- it would be that of all that follow, and nothing could be retained or destroyed any more.
            (6, t.destructive AND a.created_at > v_latest, 'clock-behind',
                'it destroys, at ' || a.created_at),
            (7, p_allow_future IS NOT TRUE AND a.created_at > v_latest, 'clock-behind',
                'its time is ' || a.created_at)
        ) AS c (place, holds, code, problem)
        WHERE c.holds
        ORDER BY sequence, c.place
        LIMIT 1
    ) e;
    IF FOUND THEN
        PERFORM artifactstore.refuse(v_event.code, jsonb_build_object(
            'sequence', v_event.sequence, 'event_type', v_event.event_type, 'problem', v_event.problem,
            'created_at', v_event.created_at, 'clock', v_clock));
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.check_import(bigint, timestamptz[], text[], text[], boolean) IS
'Refuses the first event of an import with an unknown type, a number over 2^53 - 1, '
'another subject_kind than its type has, a time before that of the event before it, '
'or one that is ahead of the clock (unless p_allow_future, and it does not destroy); '
'and a log that does not begin with v1.system.initialized';
