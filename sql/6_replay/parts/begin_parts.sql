-- purpose: share out the rest of the log among several sessions, by package
-- called by: role operator (artifactstore replay)
-- writes: the parts of the rebuild
CREATE OR REPLACE FUNCTION artifactstore.begin_parts(p_parts integer)
RETURNS integer[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
DECLARE
    v_point artifactstore.log_point := artifactstore.point_at(artifactstore.check_rebuild());
BEGIN
    IF p_parts > 1 AND NOT EXISTS (SELECT FROM artifactstore_rebuild.parts) THEN
        INSERT INTO artifactstore_rebuild.parts (part, sequence, log_id, epoch_id, identity, events, last)
        SELECT n, v_point.*, 0, artifactstore.log_head() FROM generate_series(0, p_parts - 1) AS n;
    END IF;
    RETURN ARRAY(SELECT p.part FROM artifactstore_rebuild.parts p ORDER BY p.part);
END
$$;

COMMENT ON FUNCTION artifactstore.begin_parts(integer) IS
'Shares the log out, up to its head, among p_parts parts of a rebuild; those that were left unfinished stay '
'as they are, whatever p_parts is. Returns the parts, none for p_parts 1';
