-- purpose: whoever may read the live views may read a stored view set
-- called by: create_snapshot, as_of
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.grant_view_set(p_schema text)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_reader name;
BEGIN
    SELECT r.rolname INTO STRICT v_reader FROM artifactstore.roles r WHERE r.role = 'reader';
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', p_schema, v_reader);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I', p_schema, v_reader);
END
$$;

COMMENT ON FUNCTION artifactstore.grant_view_set(text) IS
'Lets the role reader read the tables of a view set';
