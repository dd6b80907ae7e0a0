-- purpose: begin a rebuild beside the live views, or go on with one that was left unfinished
-- called by: role operator (artifactstore replay)
-- writes: the tables of the rebuild
--
-- A rebuild is the view set artifactstore_rebuild and, in the same schema, how far it is: unlogged like the
-- views, so a crash of the server empties both.
CREATE OR REPLACE FUNCTION artifactstore.begin_rebuild(p_snapshot text DEFAULT NULL)
RETURNS TABLE (sequence bigint, resumed boolean, dropped text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
AS $$
DECLARE
    v_point artifactstore.log_point;
BEGIN
    PERFORM artifactstore.limit_waits();
    BEGIN
        -- Whoever else begins one waits here, and then meets this one.
        PERFORM pg_advisory_xact_lock(1095976275, 2);
    EXCEPTION WHEN lock_not_available THEN
        PERFORM artifactstore.refuse_wait('the advisory lock of replay (1095976275, 2)', ARRAY(
            SELECT l.pid FROM pg_catalog.pg_locks l
            WHERE l.granted AND l.locktype = 'advisory' AND l.classid = 1095976275 AND l.objid = 2
                AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                    WHERE d.datname = current_database())));
    END;
    sequence := artifactstore.rebuild_sequence();
    resumed := sequence IS NOT NULL;
    IF resumed THEN
        UPDATE artifactstore_rebuild.progress SET pid = pg_backend_pid();
        RETURN NEXT;
        RETURN;
    END IF;
    dropped := artifactstore.rebuild_problem();
    PERFORM artifactstore.drop_rebuild();
    v_point := artifactstore.point_at(0);
    PERFORM artifactstore.create_views('artifactstore_rebuild');
    CREATE UNLOGGED TABLE artifactstore_rebuild.progress (
        sequence bigint, log_id uuid, epoch_id uuid, identity bytea,
        noted_at timestamptz, fingerprint bytea, pid integer);
    CREATE UNLOGGED TABLE artifactstore_rebuild.parts (
        part integer PRIMARY KEY, sequence bigint, log_id uuid, epoch_id uuid, identity bytea,
        events bigint, last bigint);
    CREATE UNLOGGED TABLE artifactstore_rebuild.different_packages (package_id uuid PRIMARY KEY);
    CREATE UNLOGGED TABLE artifactstore_rebuild.different_rows (view_name text, created_sequence bigint);
    IF p_snapshot IS NOT NULL THEN
        v_point := artifactstore.point_at(artifactstore.trusted_sequence(p_snapshot));
        PERFORM artifactstore.copy_view_set(p_snapshot, 'artifactstore_rebuild');
    END IF;
    PERFORM artifactstore.index_views('artifactstore_rebuild', false);
    INSERT INTO artifactstore_rebuild.progress
    SELECT v_point.*, clock_timestamp(), artifactstore.fingerprint(), pg_backend_pid();
    sequence := v_point.sequence;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION artifactstore.begin_rebuild(text) IS
'Begins a rebuild in the schema artifactstore_rebuild, from a snapshot if one is named; '
'one that the same projectors began of this history and nobody works on is resumed, any other is dropped, '
'and told why. Returns the last sequence that it reflects; refuses busy while another session works on it';
