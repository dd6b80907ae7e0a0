-- purpose: fold the commands of several clients; one that is refused leaves no trace and no hole
-- called by: append_commands
-- writes: the views, through projectors
CREATE OR REPLACE FUNCTION artifactstore.fold_commands(
    p_events artifactstore.decoded_event[], p_lasts integer[], p_head bigint, p_together integer,
    p_refusals jsonb[], OUT events artifactstore.decoded_event[], OUT refusals jsonb[]
)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_commands CONSTANT integer := cardinality(p_lasts);
    -- What is left to fold: parts of commands, the next one at the end.
    v_firsts integer[] := ARRAY(SELECT n FROM generate_series(1, v_commands, p_together) n ORDER BY n DESC);
    v_lasts integer[] := ARRAY(SELECT least(n + p_together - 1, v_commands) FROM unnest(v_firsts) n);
    v_first integer;
    v_last integer;
    v_middle integer;
    v_part artifactstore.decoded_event[];
    v_new artifactstore.decoded_event[];
    v_retired artifactstore.decoded_event[];
    v_refused bigint := 0;
    v_state text;
    v_detail text;
BEGIN
    events := '{}';
    refusals := p_refusals;
    WHILE cardinality(v_firsts) > 0 LOOP
        v_first := v_firsts[cardinality(v_firsts)];
        v_last := v_lasts[cardinality(v_lasts)];
        v_firsts := trim_array(v_firsts, 1);
        v_lasts := trim_array(v_lasts, 1);
        v_part := p_events[coalesce(p_lasts[v_first - 1], 0) + 1:p_lasts[v_last]];
        IF v_refused > 0 THEN
            v_part := ARRAY(
                SELECT ROW(e.sequence - CASE WHEN e.sequence > p_head THEN v_refused ELSE 0 END, e.created_at,
                    e.event_type, e.subject_id, e.actor, e.payload)::artifactstore.decoded_event
                FROM unnest(v_part) WITH ORDINALITY
                    AS e (sequence, created_at, event_type, subject_id, actor, payload, n)
                ORDER BY e.n);
        END IF;
        v_new := ARRAY(SELECT e::artifactstore.decoded_event FROM unnest(v_part) e WHERE e.sequence > p_head);
        BEGIN
            IF v_first = v_last AND cardinality(v_new) > 0 THEN
                PERFORM artifactstore.fold(v_new);
            ELSIF cardinality(v_new) > 0 THEN
                v_retired := artifactstore.fold_waves(v_new);
                PERFORM artifactstore.check_bytes(v_retired);
            END IF;
            events := events || v_part;
        EXCEPTION WHEN SQLSTATE 'ST000' OR integrity_constraint_violation OR data_exception THEN
            GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_detail = PG_EXCEPTION_DETAIL;
            IF v_first = v_last THEN
                -- Of an event that is not appended, the place in its command: its number will be another's.
                refusals[v_first] := jsonb_build_object('sqlstate', v_state, 'detail', CASE
                    WHEN v_state LIKE 'ST%' THEN (v_detail::jsonb - 'sequence') || coalesce(
                        artifactstore.event_place(v_part, (v_detail::jsonb -> 'sequence')::bigint), '{}')
                    ELSE jsonb_build_object('problem', SQLERRM) END);
                events := events || array_fill(NULL::artifactstore.decoded_event, ARRAY[cardinality(v_part)]);
                v_refused := v_refused + cardinality(v_new);
            ELSE
                v_middle := (v_first + v_last) / 2;
                v_firsts := v_firsts || ARRAY[v_middle + 1, v_first];
                v_lasts := v_lasts || ARRAY[v_last, v_middle];
            END IF;
        END;
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.fold_commands(
    artifactstore.decoded_event[], integer[], bigint, integer, jsonb[]) IS
'Folds commands that end at p_lasts, p_together at a time, in halves where one is refused; '
'the events with their final numbers, null where the command is refused, and a refusal or null per command';
