-- purpose: a schema for a view set, under a name that nobody has
-- called by: create_views, create_snapshot
-- writes: nothing (creates the schema)
CREATE OR REPLACE FUNCTION artifactstore.create_schema(p_schema text)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    -- A longer name would be cut, and what is registered would not be what was made.
    IF (octet_length(p_schema) BETWEEN 1 AND 63 AND p_schema !~ '^pg_') IS NOT TRUE THEN
        PERFORM artifactstore.refuse('bad-schema-name', jsonb_build_object('schema', p_schema,
            'problem', coalesce(quote_literal(left(p_schema, 80)), 'none is given')));
    END IF;
    PERFORM artifactstore.limit_waits(); -- for somebody who makes it too
    EXECUTE format('CREATE SCHEMA %I', p_schema);
EXCEPTION WHEN duplicate_schema THEN
    PERFORM artifactstore.refuse('schema-taken', jsonb_build_object('schema', p_schema, 'problem', p_schema));
END
$$;

COMMENT ON FUNCTION artifactstore.create_schema(text) IS
'Creates a schema of the owner; refuses bad-schema-name and schema-taken';
