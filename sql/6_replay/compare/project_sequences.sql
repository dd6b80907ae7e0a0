-- purpose: some events of the log, such as the history of one package, into a view set
-- called by: package_at, package_past, check_packages
-- writes: the views of the view set
CREATE OR REPLACE FUNCTION artifactstore.project_sequences(p_schema text, p_sequences bigint[])
RETURNS void
LANGUAGE plpgsql VOLATILE
-- As project_ranges: by index, whatever the planner thinks of tables that were empty.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    c_together CONSTANT integer := 1000; -- payloads have up to 64 KiB
    v_first integer;
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', p_schema), true);
    FOR v_first IN 1..coalesce(cardinality(p_sequences), 0) BY c_together LOOP
        PERFORM artifactstore.fold(artifactstore.decode_events(
            p_sequences[v_first:v_first + c_together - 1]));
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.project_sequences(text, bigint[]) IS
'Projects these events, ascending and all of those that each needs among them, into the view set p_schema';
