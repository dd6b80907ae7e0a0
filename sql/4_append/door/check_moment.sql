-- purpose: what only holds at this moment: expected version, a clock that can be trusted to destroy
-- called by: admit_events, under the lock; try_event
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.check_moment(
    p_events artifactstore.decoded_event[], p_head bigint, p_now timestamptz, p_expected bigint[]
)
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_sequence bigint;
    v_expected bigint;
    v_actual bigint;
BEGIN
    IF p_expected IS NOT NULL THEN
        SELECT c.sequence, c.expected, c.actual INTO v_sequence, v_expected, v_actual
        FROM (
            SELECT e.sequence, x.expected, CASE
                    -- An earlier event of this append changes the row, to a number nobody could expect.
                    WHEN row_number() OVER (PARTITION BY t.subject_kind, e.subject_id ORDER BY e.sequence) = 1
                        AND x.expected IS NOT NULL
                        THEN artifactstore.row_version(t.event_type, t.subject_kind, e.subject_id, x.expected)
                    END AS actual
            FROM ROWS FROM (unnest(p_events), unnest(p_expected))
                AS x (sequence, created_at, event_type, subject_id, actor, payload, expected),
                LATERAL (SELECT x.sequence, x.event_type, x.subject_id) e
            JOIN artifactstore.event_types t ON t.event_type = e.event_type
            WHERE e.sequence > p_head
        ) c
        WHERE c.expected IS NOT NULL AND c.expected IS DISTINCT FROM c.actual
        ORDER BY c.sequence
        LIMIT 1;
        IF FOUND THEN
            PERFORM artifactstore.refuse('changed', artifactstore.event_place(p_events, v_sequence)
                || jsonb_build_object('expected', v_expected, 'actual', v_actual) || coalesce((
                    SELECT jsonb_build_object('guard', 'manifest_digest', 'problem',
                        'what is sealed are the files: expect the version of package and files together, or'
                        ' give manifest_digest')
                    FROM unnest(p_events) e
                    WHERE e.sequence = v_sequence AND e.event_type = 'v1.package.sealed'), '{}'));
        END IF;
    END IF;

    IF p_now > clock_timestamp() + artifactstore.clock_tolerance() THEN
        SELECT min(e.sequence) INTO v_sequence
        FROM unnest(p_events) e
        JOIN artifactstore.event_types t ON t.event_type = e.event_type
        WHERE t.destructive AND e.sequence > p_head;
        IF v_sequence IS NOT NULL THEN
            PERFORM artifactstore.refuse('clock-behind', artifactstore.event_place(p_events, v_sequence)
                || jsonb_build_object('head_created_at', artifactstore.show_time(p_now),
                    'clock', artifactstore.show_time(clock_timestamp())));
        END IF;
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.check_moment(
    artifactstore.decoded_event[], bigint, timestamptz, bigint[]) IS
'Refuses events whose subject is not at its expected version (row_version), '
'and destructive events while the head is more than 60 s ahead of the clock';
