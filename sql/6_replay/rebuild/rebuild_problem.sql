-- purpose: why an unfinished rebuild cannot be gone on with
-- called by: begin_rebuild, rebuild_sequence, check_rebuild, rebuild_part
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.rebuild_problem()
RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_point artifactstore.log_point;
    v_fingerprint bytea;
BEGIN
    IF to_regclass('artifactstore_rebuild.progress') IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT p.sequence, p.log_id, p.epoch_id, p.identity INTO v_point FROM artifactstore_rebuild.progress p;
    IF NOT FOUND THEN
        RETURN 'empty: the server crashed since';
    END IF;
    IF v_point IS DISTINCT FROM artifactstore.point_at(v_point.sequence) THEN
        RETURN format('foreign: the rebuild is of another history, that ends at event %s', v_point.sequence);
    END IF;
    SELECT p.sequence, p.log_id, p.epoch_id, p.identity INTO v_point
    FROM artifactstore_rebuild.parts p
    WHERE ROW(p.sequence, p.log_id, p.epoch_id, p.identity)::artifactstore.log_point
        IS DISTINCT FROM artifactstore.point_at(p.sequence)
    LIMIT 1;
    IF FOUND THEN
        RETURN format(
            'foreign: a part of the rebuild is of another history, that ends at event %s', v_point.sequence);
    END IF;
    SELECT p.fingerprint INTO v_fingerprint FROM artifactstore_rebuild.progress p;
    IF v_fingerprint IS DISTINCT FROM artifactstore.fingerprint() THEN
        RETURN 'stale: other projectors or views made it';
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION artifactstore.rebuild_problem() IS
'Why the unfinished rebuild cannot be gone on with (empty, foreign, stale: …); '
'null if it can or if there is none';
