-- purpose: project a long stretch of the log into a view set, range by range, with progress
-- called by: replay, rebuild, as_of, rebuild_next
-- writes: the views of the view set
CREATE OR REPLACE FUNCTION artifactstore.project_ranges(p_schema text, p_first bigint, p_last bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
-- Plans are made when the views are empty and kept until the end: by
-- index, whatever the planner thinks of it.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET work_mem = '64MB'
SET jit = off
AS $$
DECLARE
    v_started timestamptz := clock_timestamp();
    v_first bigint := p_first;
    v_last bigint;
    v_seconds double precision;
BEGIN
    PERFORM artifactstore.own_view_set(p_schema);
    -- The view set and nothing else: a view that it lacks is an error, never a write to the live one.
    PERFORM set_config('search_path', format('%I, pg_temp', p_schema), true);
    WHILE v_first <= p_last LOOP
        v_last := artifactstore.range_end(v_first, p_last);
        PERFORM artifactstore.project(v_first, v_last);
        v_seconds := greatest(extract(EPOCH FROM clock_timestamp() - v_started), 0.001);
        RAISE NOTICE USING
            MESSAGE = format('projected %s of %s events, %s events/s, %s s left', v_last, p_last,
                round((v_last - p_first + 1) / v_seconds),
                round((p_last - v_last) * v_seconds / (v_last - p_first + 1))),
            DETAIL = jsonb_build_object('done', v_last, 'total', p_last, 'seconds', v_seconds);
        v_first := v_last + 1;
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.project_ranges(text, bigint, bigint) IS
'Projects p_first … p_last into the view set p_schema in bounded ranges; '
'a NOTICE after each, its DETAIL {done, total, seconds}';
