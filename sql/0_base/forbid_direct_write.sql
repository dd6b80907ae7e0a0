-- purpose: trigger function: views are written by projectors only
-- called by: triggers <view>_forbid_direct_write, <view>_forbid_direct_truncate
-- writes: nothing
--
-- The question is here, not in a WHEN of the trigger: that is read from its text by each statement, which
-- takes longer than the call.
CREATE OR REPLACE FUNCTION artifactstore.forbid_direct_write()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF current_setting('artifactstore.projecting', true) IS DISTINCT FROM 'on' THEN
        PERFORM artifactstore.refuse('direct-write', jsonb_build_object(
            'operation', tg_op, 'table', tg_table_name, 'problem', tg_op || ' on ' || tg_table_name));
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION artifactstore.forbid_direct_write() IS
'Refuses a write to a view that does not come from a projector';
