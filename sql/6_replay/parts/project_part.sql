-- purpose: one step of folding the events of a part of the packages
-- called by: rebuild_part, verify_part
-- writes: the views of the view set
--
-- Whatever is refused is a reason to fold all again in the order of the log, so nothing is halved here to
-- find the first refusal. Bytes are judged when all parts are done: see bytes_needed.
CREATE OR REPLACE FUNCTION artifactstore.project_part(
    p_schema text, p_part integer, p_parts integer, p_first bigint, p_last bigint,
    OUT last bigint, OUT events bigint
)
LANGUAGE plpgsql VOLATILE
-- As project_ranges: by index, whatever the planner thinks of tables that were empty.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET work_mem = '64MB'
SET jit = off
AS $$
DECLARE
    v_sequences bigint[];
    v_events artifactstore.decoded_event[];
BEGIN
    PERFORM artifactstore.own_view_set(p_schema);
    SELECT r.last, r.sequences INTO last, v_sequences
    FROM artifactstore.part_events(p_part, p_parts, p_first, p_last) r;
    v_events := ARRAY(
        SELECT e::artifactstore.decoded_event FROM unnest(artifactstore.decode_events(v_sequences)) e
        WHERE artifactstore.part_of(
                coalesce((e.payload ->> 'package_id')::uuid, e.subject_id), p_parts) = p_part
        ORDER BY e.sequence);
    events := cardinality(v_events);
    IF events > 0 THEN
        -- The view set and nothing else, as in project_ranges.
        PERFORM set_config('search_path', format('%I, pg_temp', p_schema), true);
        PERFORM artifactstore.fold_waves(v_events);
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.project_part(text, integer, integer, bigint, bigint) IS
'Projects the next events from p_first of the packages of part p_part into the view set p_schema; returns '
'the last event that was looked at and how many were folded. Refuses what a fold refuses, not necessarily '
'the first of the log';
