-- purpose: have tables for oneself, or fail soon and say who is in the way
-- called by: lock_views, drop_views, drop_rebuild
-- writes: nothing (locks tables)
CREATE OR REPLACE FUNCTION artifactstore.lock_tables(p_schema text, p_tables text[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_deadline timestamptz;
BEGIN
    -- An autovacuum gives way after deadlock_timeout, but only to who waits in the queue for it: so that is
    -- done in the mode that keeps it out and behind which neither readers nor writers wait.
    BEGIN
        PERFORM artifactstore.lock_each(p_schema, p_tables, 'SHARE UPDATE EXCLUSIVE MODE');
    EXCEPTION
        WHEN lock_not_available OR deadlock_detected THEN
            PERFORM artifactstore.refuse_wait(
                'the tables of the schema ' || p_schema, artifactstore.table_users(p_schema, p_tables));
        WHEN undefined_table OR invalid_schema_name THEN
            NULL; -- somebody drops them too
    END;
    v_deadline := clock_timestamp() + current_setting('lock_timeout')::interval;
    LOOP
        -- All or none, and never in the queue: who waits there has those who come later wait behind it, fails
        -- a parallel pg_dump, and can be part of a deadlock.
        BEGIN
            PERFORM artifactstore.lock_each(p_schema, p_tables, 'ACCESS EXCLUSIVE MODE NOWAIT');
            RETURN;
        EXCEPTION
            WHEN lock_not_available THEN
                IF clock_timestamp() > v_deadline THEN
                    PERFORM artifactstore.refuse_wait(
                        'the tables of the schema ' || p_schema,
                        artifactstore.table_users(p_schema, p_tables));
                END IF;
            WHEN undefined_table OR invalid_schema_name THEN
                NULL; -- look again what is there
        END;
        PERFORM pg_sleep(0.05);
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.lock_tables(text, text[]) IS
'Locks tables of a schema, leaving out those that are not there, in ACCESS EXCLUSIVE mode until commit; '
'busy, naming the backends that use them, after lock_timeout (5 s); an autovacuum is made to give way';
