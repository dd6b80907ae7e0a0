-- purpose: may a replay begin from this snapshot, and if not, why
-- called by: role operator (artifactstore snapshot list), trusted_sequence, replay
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.view_set_problem(p_schema text, p_rows boolean DEFAULT true)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
DECLARE
    v_set artifactstore.view_sets;
    v_head bigint := artifactstore.log_head();
    v_point artifactstore.log_point;
    v_missing text;
    v_fault jsonb;
    v_digests jsonb;
BEGIN
    SELECT * INTO v_set FROM artifactstore.view_sets v WHERE v.schema_name = p_schema;
    IF NOT FOUND THEN
        RETURN 'unknown: it is not registered';
    END IF;
    v_fault := artifactstore.view_set_fault(p_schema, false);
    IF v_fault IS NOT NULL THEN
        RETURN CASE WHEN p_schema ~ '^pg_' OR to_regnamespace(quote_ident(p_schema)) IS NOT NULL
            THEN 'foreign: ' || (v_fault ->> 'problem')
            ELSE 'damaged: it lacks ' || (artifactstore.view_names())[1] END;
    END IF;
    IF v_set.sequence > v_head THEN
        RETURN format('future: it reflects event %s, the log ends at %s', v_set.sequence, v_head);
    END IF;
    v_point := artifactstore.point_at(v_set.sequence);
    IF v_set.log_id IS DISTINCT FROM v_point.log_id THEN
        RETURN 'foreign: it was made from another log';
    ELSIF v_set.identity IS DISTINCT FROM v_point.identity THEN
        RETURN format('foreign: event %s was another one when it was made', v_set.sequence);
    ELSIF v_set.epoch_id IS DISTINCT FROM v_point.epoch_id THEN
        RETURN format('foreign: event %s was of another epoch when it was made', v_set.sequence);
    END IF;
    IF v_set.fingerprint IS DISTINCT FROM artifactstore.fingerprint() THEN
        RETURN 'stale: other projectors or views made it';
    END IF;
    SELECT n.name INTO v_missing
    FROM unnest(artifactstore.view_names()) WITH ORDINALITY AS n (name, position)
    WHERE to_regclass(format('%I.%I', p_schema, n.name)) IS NULL
    ORDER BY n.position LIMIT 1;
    IF FOUND THEN
        RETURN 'damaged: it lacks ' || v_missing;
    END IF;
    IF p_rows THEN
        v_digests := artifactstore.digest_view_set(p_schema);
        SELECT n.name INTO v_missing
        FROM unnest(artifactstore.view_names()) WITH ORDINALITY AS n (name, position)
        WHERE v_digests -> n.name IS DISTINCT FROM v_set.digests -> n.name
        ORDER BY n.position LIMIT 1;
        IF FOUND THEN
            RETURN 'damaged: the rows of ' || v_missing || ' are not those that it was made with';
        END IF;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION artifactstore.view_set_problem(text, boolean) IS
'Why a stored view set cannot be trusted (unknown, future, foreign, stale, damaged: …), null if it can; '
'p_rows: read all its rows too';
