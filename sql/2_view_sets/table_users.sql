-- purpose: who has locks on tables
-- called by: lock_tables, lock_views
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.table_users(p_schema text, p_tables text[])
RETURNS integer[]
LANGUAGE sql VOLATILE
AS $$
    SELECT ARRAY(
        SELECT l.pid FROM pg_catalog.pg_locks l
        WHERE l.granted AND l.locktype = 'relation'
            AND l.relation = ANY (ARRAY(
                SELECT to_regclass(format('%I.%I', p_schema, t))::oid FROM unnest(p_tables) AS t))
            AND l.database = (
                SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()))
$$;

COMMENT ON FUNCTION artifactstore.table_users(text, text[]) IS
'Backends that hold a lock on one of these tables of a schema';
