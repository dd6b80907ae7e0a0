-- purpose: a view set that is only filled and compared needs no search by content
-- called by: begin_rebuild, verify_part
-- writes: nothing (drops indexes)
CREATE OR REPLACE FUNCTION artifactstore.drop_content_indexes(p_schema text)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_index text;
BEGIN
    PERFORM artifactstore.own_view_set(p_schema, false);
    FOR v_index IN
        SELECT i.indexrelid::regclass::text
        FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = format('%I.artifact_files', p_schema)::regclass AND NOT i.indisunique
            AND a.attname IN ('blake3', 'sha256')
    LOOP
        EXECUTE 'DROP INDEX ' || v_index;
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.drop_content_indexes(text) IS
'Drops the indexes by digest of a view set of which nobody asks who has a content: projectors and comparisons do not';
