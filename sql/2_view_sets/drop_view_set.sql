-- purpose: remove a snapshot, or the past as somebody looked at it
-- called by: role operator (artifactstore snapshot drop), create_snapshot
-- writes: view_sets
CREATE OR REPLACE FUNCTION artifactstore.drop_view_set(p_schema text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
BEGIN
    DELETE FROM artifactstore.view_sets v WHERE v.schema_name = p_schema;
    IF NOT FOUND THEN
        PERFORM artifactstore.refuse('no-such-view-set', jsonb_build_object('problem', p_schema));
    END IF;
    PERFORM artifactstore.drop_views(p_schema);
END
$$;

COMMENT ON FUNCTION artifactstore.drop_view_set(text) IS
'Drops a view set that is registered in view_sets, its schema and its tables, '
'and nothing that others made of them';
