-- purpose: the one place that says what a path of a file looks like
-- called by: project_file_ingested, refuse_ingested
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.is_path(p_path text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT p_path !~ E'^/|/$|//|(^|/)[.][.]?(/|$)|[\x01-\x1f\x7f]'
$$;

COMMENT ON FUNCTION artifactstore.is_path(text) IS
'Whether it is a relative path whose parts are names: none is empty, . or .., none has control characters';
