-- purpose: what compares must see log and views at one sequence, however many statements it takes
-- called by: create_snapshot, find_differences, check_packages, verify_part
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.refuse_many_snapshots()
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('repeatable read', 'serializable') THEN
        PERFORM artifactstore.refuse('wrong-isolation', jsonb_build_object('problem',
            'log and views must be seen at one sequence: BEGIN ISOLATION LEVEL REPEATABLE READ'));
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.refuse_many_snapshots() IS
'Refuses wrong-isolation unless the whole transaction sees one snapshot';
