-- purpose: refuse a schema that is not a view set of ours, before anything in it is read or written
-- called by: every function that is given the name of a view set, or uses that of the rebuild
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.own_view_set(
    p_schema text, p_whole boolean DEFAULT true, p_lock boolean DEFAULT true
)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_fault jsonb := artifactstore.view_set_fault(p_schema, p_whole, p_lock);
BEGIN
    IF v_fault IS NOT NULL THEN
        PERFORM artifactstore.refuse(CASE WHEN p_schema ~ '^pg_'
            OR pg_catalog.to_regnamespace(quote_ident(p_schema)) IS NOT NULL
            THEN 'foreign-view-set' ELSE 'no-such-view-set' END, v_fault);
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.own_view_set(text, boolean, boolean) IS
'Refuses foreign-view-set, or no-such-view-set, unless the schema holds plain tables of the owner; '
'see view_set_fault';
