-- purpose: digests of the rows of a view set, whatever their order, so that damage is seen
-- called by: create_snapshot, view_set_problem, as_of, different_views
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.digest_view_set(p_schema text, p_seed bigint DEFAULT 0)
RETURNS jsonb
LANGUAGE plpgsql STABLE
-- record_send gives texts in it; parallel workers have that of the database whatever the session has.
SET client_encoding = 'UTF8'
SET jit = off
AS $$
DECLARE
    v_view text;
    v_rows bigint;
    v_digest numeric;
    v_digests jsonb := '{}';
BEGIN
    FOREACH v_view IN ARRAY artifactstore.view_names() LOOP
        -- The exact sum of a hash of each row: no sort, flat memory, workers sum parts, and a row that is
        -- there twice counts twice. Hashed are the bytes of the row, as the one column of a record (before
        -- PostgreSQL 18 bytea has no hash function of its own in SQL): as columns, the numbers 1 and 2^32
        -- have the same hash.
        EXECUTE format(
            'SELECT count(*), sum(hash_record_extended(ROW(record_send(v)), $1)) FROM %I.%I v',
            p_schema, v_view)
        INTO v_rows, v_digest USING p_seed;
        v_digests := v_digests || jsonb_build_object(
            v_view, jsonb_build_object('rows', v_rows, 'digest', coalesce(v_digest, 0)::text));
    END LOOP;
    RETURN v_digests;
END
$$;

COMMENT ON FUNCTION artifactstore.digest_view_set(text, bigint) IS
'view → {rows, digest} of a view set, digest: the sum of 64-bit hashes of its rows, another one for each '
'seed; it shows damage, it is no defence against somebody who computes it too';
