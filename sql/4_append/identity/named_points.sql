-- purpose: every place in the log that something beside it says to end at
-- called by: log_evidence
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.named_points()
RETURNS TABLE (source text, name text, point artifactstore.log_point, noted_at timestamptz)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN QUERY
    SELECT 'view_sets', v.schema_name::text,
        ROW(v.sequence, v.log_id, v.epoch_id, v.identity)::artifactstore.log_point, v.created_at
    FROM artifactstore.view_sets v
    UNION ALL
    SELECT 'home', 'home',
        ROW(h.sequence, h.log_id, h.epoch_id, h.identity)::artifactstore.log_point, h.noted_at
    FROM artifactstore.home h;
    -- Whoever may create schemas could have made one of this name: only a table of the owner is read. On a
    -- standby nobody reads it: it is unlogged.
    IF NOT pg_is_in_recovery()
        AND artifactstore.view_set_fault('artifactstore_rebuild', false) IS NULL
        AND to_regclass('artifactstore_rebuild.progress') IS NOT NULL
    THEN
        RETURN QUERY
        SELECT 'progress', 'artifactstore_rebuild',
            ROW(p.sequence, p.log_id, p.epoch_id, p.identity)::artifactstore.log_point, p.noted_at
        FROM artifactstore_rebuild.progress p;
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.named_points() IS
'The place in the log that each stored view set, the home and an unfinished rebuild name, '
'and when they noted it';
