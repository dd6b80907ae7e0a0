-- purpose: the history of one package, one event after the other, into a view set
-- called by: package_at, check_packages
-- writes: the views of the view set
CREATE OR REPLACE FUNCTION artifactstore.project_package(
    p_schema text, p_package_id uuid, p_last bigint, p_also bigint[] DEFAULT '{}'
)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_sequence bigint;
BEGIN
    -- Both callers have just made the view set: nobody else can have put anything there.
    PERFORM set_config('search_path', format('%I, pg_temp', p_schema), true);
    FOR v_sequence IN
        SELECT DISTINCT n FROM unnest(artifactstore.package_sequences(p_package_id, p_last) || p_also) AS n
        WHERE n <= p_last ORDER BY n
    LOOP
        PERFORM artifactstore.project(v_sequence, v_sequence);
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.project_package(text, uuid, bigint, bigint[]) IS
'Projects the events of one package up to p_last, and the events p_also, one by one into the view set p_schema';
