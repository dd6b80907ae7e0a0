-- purpose: may a replay begin from this snapshot, and if not, why
-- called by: role operator (artifactstore snapshot list), trusted_sequence
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.view_set_problem(p_schema text, p_rows boolean DEFAULT true)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
DECLARE
    v_set artifactstore.view_sets;
    v_head bigint := artifactstore.log_head();
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
    IF v_set.log_id IS DISTINCT FROM (
        SELECT e.subject_id FROM artifactstore.events e WHERE e.sequence = 1 AND v_set.sequence > 0)
    THEN
        RETURN 'foreign: it was made from another log';
    END IF;
    IF v_set.head_digest IS DISTINCT FROM (
        SELECT e.payload_digest FROM artifactstore.events e WHERE e.sequence = v_set.sequence)
    THEN
        RETURN format('foreign: event %s was another one when it was made', v_set.sequence);
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
'Why a stored view set cannot be trusted (unknown, future, foreign, stale, damaged: …), null if it can; p_rows: read all its rows too';
