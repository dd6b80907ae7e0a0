-- purpose: keep the live views as they are at this sequence
-- called by: role operator (artifactstore snapshot create)
-- writes: view_sets, and the tables of the snapshot
CREATE OR REPLACE FUNCTION artifactstore.create_snapshot()
RETURNS artifactstore.view_sets
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
DECLARE
    v_made artifactstore.view_sets;
    v_view text;
BEGIN
    PERFORM artifactstore.refuse_many_snapshots();
    PERFORM artifactstore.limit_waits();
    PERFORM artifactstore.refuse('stale-views', '{}')
    FROM artifactstore.software s WHERE s.viewed_by IS DISTINCT FROM s.projectors;
    v_made.sequence := artifactstore.log_head();
    v_made.schema_name := 'artifactstore_snapshot_' || v_made.sequence;
    SELECT e.payload_digest INTO v_made.head_digest
    FROM artifactstore.events e WHERE e.sequence = v_made.sequence;
    SELECT g.log_id INTO v_made.log_id FROM artifactstore.log_epochs g WHERE g.epoch = 1;
    v_made.purpose := 'snapshot';
    v_made.fingerprint := artifactstore.fingerprint();
    v_made.created_at := clock_timestamp();

    IF EXISTS (SELECT FROM artifactstore.view_sets v WHERE v.schema_name = v_made.schema_name) THEN
        PERFORM artifactstore.drop_view_set(v_made.schema_name);
    END IF;
    EXECUTE format('CREATE SCHEMA %I', v_made.schema_name);
    FOREACH v_view IN ARRAY artifactstore.view_names() LOOP
        EXECUTE format('CREATE TABLE %1$I.%2$I AS TABLE artifactstore.%2$I', v_made.schema_name, v_view);
    END LOOP;
    v_made.digests := artifactstore.digest_view_set(v_made.schema_name);
    INSERT INTO artifactstore.view_sets SELECT v_made.*;
    PERFORM artifactstore.grant_view_set(v_made.schema_name);
    RETURN v_made;
END
$$;

COMMENT ON FUNCTION artifactstore.create_snapshot() IS
'Copies the live views into the schema artifactstore_snapshot_<sequence> and registers it in view_sets, in a REPEATABLE READ transaction; one of the same sequence is replaced. Appends go on';
