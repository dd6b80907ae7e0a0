-- purpose: replay into another view set, beside the live one
-- called by: role operator (artifactstore verify)
-- writes: the views of the new view set
CREATE OR REPLACE FUNCTION artifactstore.rebuild(p_schema text, p_last bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
AS $$
DECLARE
    v_last bigint := coalesce(p_last, artifactstore.log_head());
BEGIN
    PERFORM artifactstore.refuse_no_event(v_last);
    PERFORM artifactstore.create_view_set(p_schema);
    PERFORM artifactstore.project_ranges(p_schema, 1, v_last);
    RETURN v_last;
END
$$;

COMMENT ON FUNCTION artifactstore.rebuild(text, bigint) IS
'Creates the view set p_schema and projects the log up to p_last (default: head) into it; '
'returns the last sequence. The live views are not touched';
