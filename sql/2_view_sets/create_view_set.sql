-- purpose: an empty view set
-- called by: rebuild, scratch_sets
-- writes: nothing (creates tables)
CREATE OR REPLACE FUNCTION artifactstore.create_view_set(p_schema text, p_logged boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM artifactstore.create_views(p_schema, p_logged);
    PERFORM artifactstore.index_views(p_schema);
END
$$;

COMMENT ON FUNCTION artifactstore.create_view_set(text, boolean) IS
'Creates schema p_schema with an empty copy of every view, its indexes included; unlogged, so empty after '
'a crash of the server, unless p_logged';
