-- purpose: digests of the rows of a view set, whatever their order, so that damage is seen
-- called by: create_snapshot, view_set_problem, as_of
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.digest_view_set(p_schema text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
-- A row as text must not depend on who asks.
SET datestyle = 'ISO, YMD'
SET timezone = 'UTC'
SET bytea_output = 'hex'
SET jit = off
AS $$
DECLARE
    v_view text;
    v_rows bigint;
    v_digest text;
    v_digests jsonb := '{}';
BEGIN
    FOREACH v_view IN ARRAY artifactstore.view_names() LOOP
        -- Sums of both halves of each row's MD5: no sort, flat memory, and a row that is there
        -- twice counts twice.
        EXECUTE format($query$
            SELECT count(*), concat(sum(('x' || left(d.digest, 16))::bit(64)::bigint), ':',
                sum(('x' || right(d.digest, 16))::bit(64)::bigint))
            FROM %I.%I v CROSS JOIN LATERAL md5(v::text) AS d (digest)
            $query$, p_schema, v_view)
        INTO v_rows, v_digest;
        v_digests := v_digests || jsonb_build_object(
            v_view, jsonb_build_object('rows', v_rows, 'digest', v_digest));
    END LOOP;
    RETURN v_digests;
END
$$;

COMMENT ON FUNCTION artifactstore.digest_view_set(text) IS
'view → {rows, digest} of a view set; the digest shows damage, it is no defence against somebody who '
'computes it too';
