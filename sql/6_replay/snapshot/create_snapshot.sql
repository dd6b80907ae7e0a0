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
    v_point artifactstore.log_point := artifactstore.point_at(artifactstore.log_head());
BEGIN
    PERFORM artifactstore.refuse_many_snapshots();
    PERFORM artifactstore.limit_waits();
    -- Not known to be made by these projectors is as bad as made by others.
    IF NOT EXISTS (SELECT FROM artifactstore.software s WHERE s.viewed_by = s.projectors) THEN
        PERFORM artifactstore.refuse('stale-views', '{}');
    END IF;
    PERFORM artifactstore.own_view_set('artifactstore');
    PERFORM artifactstore.check_views();
    v_made.sequence := v_point.sequence;
    v_made.schema_name := 'artifactstore_snapshot_' || v_made.sequence;
    v_made.log_id := v_point.log_id;
    v_made.epoch_id := v_point.epoch_id;
    v_made.identity := v_point.identity;
    v_made.purpose := 'snapshot';
    v_made.fingerprint := artifactstore.fingerprint();
    v_made.created_at := clock_timestamp();

    IF EXISTS (SELECT FROM artifactstore.view_sets v WHERE v.schema_name = v_made.schema_name) THEN
        PERFORM artifactstore.drop_view_set(v_made.schema_name);
    ELSIF to_regnamespace(quote_ident(v_made.schema_name)) IS NOT NULL THEN
        -- A restore in place takes the list of snapshots back, and leaves their schemas.
        PERFORM artifactstore.drop_leftover(v_made.schema_name);
    END IF;
    PERFORM artifactstore.create_schema(v_made.schema_name);
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
'Copies the live views into the schema artifactstore_snapshot_<sequence> and registers it in view_sets, '
'in a REPEATABLE READ transaction; one of the same sequence is replaced. Appends go on';
