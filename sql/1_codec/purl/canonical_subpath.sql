-- purpose: the canonical form of the subpath of a purl
-- called by: spell_purl
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.canonical_subpath(
    p_purl text, p_at integer, p_rules artifactstore.purl_types
)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $$
DECLARE
    v_at integer := p_at;
    v_raw pg_catalog.text;
    v_text pg_catalog.text;
    v_segments pg_catalog.text[] := '{}';
BEGIN
    FOREACH v_raw IN ARRAY string_to_array(substr(p_purl, p_at), '/') LOOP
        v_text := artifactstore.purl_segment(p_purl, v_at, length(v_raw), 'subpath');
        IF strpos(v_text, '/') > 0 THEN
            PERFORM artifactstore.refuse_purl('a segment of the subpath has no slash', 'subpath', v_at, '/',
                left(p_purl, v_at - 1) || regexp_replace(substr(p_purl, v_at), '%2[Ff]', '/', 'g'));
        END IF;
        IF v_text NOT IN ('', '.', '..') THEN
            v_segments := v_segments || v_text;
        END IF;
        v_at := v_at + length(v_raw) + 1;
    END LOOP;
    v_text := artifactstore.purl_case(array_to_string(v_segments, '/'), p_rules.subpath_case);
    RETURN nullif(replace(artifactstore.percent_encode(v_text), '%2F', '/'), '');
END
$$;

COMMENT ON FUNCTION artifactstore.canonical_subpath(text, integer, artifactstore.purl_types) IS
'The subpath that begins at p_at: no empty, . or .. segment; null if nothing is left';
