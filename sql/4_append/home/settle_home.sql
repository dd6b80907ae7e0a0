-- purpose: note that the log is at home in this database, and where it stands
-- called by: adopt, restored, replay, end_rebuild, under the lock
-- writes: home
CREATE OR REPLACE FUNCTION artifactstore.settle_home()
RETURNS artifactstore.home
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_here artifactstore.home := artifactstore.here();
BEGIN
    v_here.since := coalesce((
        SELECT h.since FROM artifactstore.home h
        WHERE (h.system_identifier, h.database_oid) = (v_here.system_identifier, v_here.database_oid)
        ), v_here.since);
    DELETE FROM artifactstore.home;
    INSERT INTO artifactstore.home SELECT v_here.*;
    RETURN v_here;
END
$$;

COMMENT ON FUNCTION artifactstore.settle_home() IS
'Makes this database the home of the log, since now unless it was before; returns the row';
