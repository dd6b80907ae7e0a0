-- purpose: one step of a rebuild
-- called by: role operator (artifactstore replay), find_differences, equalize
-- writes: the views of the rebuild
CREATE OR REPLACE FUNCTION artifactstore.rebuild_next(p_last bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
AS $$
DECLARE
    v_sequence bigint := artifactstore.check_rebuild();
    v_last bigint := artifactstore.log_head();
    v_point artifactstore.log_point;
BEGIN
    IF EXISTS (SELECT FROM artifactstore_rebuild.parts) THEN
        PERFORM artifactstore.refuse(
            'busy', '{"problem": "the rebuild is shared out in parts that are not done"}');
    END IF;
    IF p_last IS NULL THEN
        v_last := least(v_last, artifactstore.range_end(v_sequence + 1, v_last));
    ELSE
        v_last := least(v_last, p_last);
    END IF;
    IF v_last > v_sequence THEN
        PERFORM artifactstore.project_ranges('artifactstore_rebuild', v_sequence + 1, v_last);
        v_point := artifactstore.point_at(v_last);
        UPDATE artifactstore_rebuild.progress
        SET sequence = v_last, epoch_id = v_point.epoch_id, log_id = v_point.log_id,
            identity = v_point.identity, noted_at = clock_timestamp();
    END IF;
    RETURN v_last;
END
$$;

COMMENT ON FUNCTION artifactstore.rebuild_next(bigint) IS
'Projects the next range of the log into the rebuild, or all up to p_last; '
'returns the last sequence that it reflects now. Refuses rebuild-outdated when the log under it was replaced';
