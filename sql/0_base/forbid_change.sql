-- purpose: trigger function: the log is append-only
-- called by: events_triggers
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.forbid_change()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM artifactstore.refuse('append-only', jsonb_build_object(
        'operation', tg_op, 'table', tg_table_name, 'problem', tg_op || ' on ' || tg_table_name));
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION artifactstore.forbid_change() IS 'Refuses any change of the log but an append';
