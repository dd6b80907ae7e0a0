-- purpose: the canonical form of namespace, name and version of a purl
-- called by: spell_purl
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.canonical_path(
    p_purl text, p_at integer, p_path text, p_rules artifactstore.purl_types, p_qualifiers text
)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $$
DECLARE
    c_traversal CONSTANT pg_catalog.text := '^/|(?:^|/)[.]{1,2}(?:/|$)';
    c_host CONSTANT pg_catalog.text := '(?:^|&)repository_url=(?:[a-z]+:%2F%2F)?[^%&]*(?:';
    v_path pg_catalog.text := rtrim(p_path, '/');
    v_mark integer := length(v_path) - strpos(reverse(v_path), '@') + 1;
    v_at integer := p_at;
    v_raw pg_catalog.text;
    v_text pg_catalog.text;
    v_last integer;
    v_part pg_catalog.text;
    v_plain boolean;
    v_segments pg_catalog.text[] := '{}';
    v_namespace pg_catalog.text;
    v_name pg_catalog.text;
    v_version pg_catalog.text;
    v_case pg_catalog.text := p_rules.name_case;
BEGIN
    -- The version begins at the last @, but not at one before a segment: that is an npm scope.
    IF strpos(v_path, '@') = 0
        OR left(v_path, v_mark - 1) ~ '(?:^|/)$' AND strpos(substr(v_path, v_mark), '/') > 0
    THEN
        v_mark := length(v_path) + 1;
    END IF;
    IF v_mark < length(v_path) THEN
        v_version := artifactstore.purl_case(artifactstore.purl_segment(
            p_purl, p_at + v_mark, length(v_path) - v_mark, 'version'), p_rules.version_case);
        IF v_version ~ c_traversal THEN
            PERFORM artifactstore.refuse_purl(
                'it is no path: no . or .. in it, no slash before it', 'version', p_at + v_mark);
        END IF;
    END IF;
    v_path := left(v_path, v_mark - 1);
    IF v_path ~ '(?:^|/)$' THEN
        PERFORM artifactstore.refuse_purl(
            'the name is missing: pkg:type/name', 'name', p_at + length(v_path));
    END IF;
    v_plain := v_path ~ '^[A-Za-z0-9_~:-][A-Za-z0-9._~:-]*(?:/[A-Za-z0-9_~:-][A-Za-z0-9._~:-]*)*$';
    IF v_plain THEN
        v_segments := string_to_array(v_path, '/');
        v_path := '';
    END IF;
    v_last := cardinality(string_to_array(v_path, '/'));
    FOR v_raw IN
        SELECT s FROM unnest(string_to_array(v_path, '/')) WITH ORDINALITY AS u (s, n) ORDER BY n
    LOOP
        v_last := v_last - 1;
        v_part := CASE WHEN v_last = 0 OR p_rules.name_spans AND v_segments <> '{}'
            THEN 'name' ELSE 'namespace' END;
        v_text := artifactstore.purl_segment(p_purl, v_at, length(v_raw), v_part);
        IF v_text ~ c_traversal THEN
            PERFORM artifactstore.refuse_purl(
                'it is no path: no . or .. in it, no slash before it', v_part, v_at);
        ELSIF strpos(v_text, '/') > 0 AND (v_part = 'namespace' OR v_text ~ p_rules.name_forbids) THEN
            PERFORM artifactstore.refuse_purl('an escaped slash (%2F) cannot be here', v_part,
                v_at + regexp_instr(v_raw, '%2[Ff]') - 1, '/', left(p_purl, v_at - 1)
                || regexp_replace(v_raw, '%2[Ff]', '/', 'g') || substr(p_purl, v_at + length(v_raw)));
        ELSIF v_text <> '' THEN
            v_segments := v_segments || v_text;
        END IF;
        v_at := v_at + length(v_raw) + 1;
    END LOOP;
    v_last := cardinality(v_segments);
    IF p_rules.name_spans THEN
        v_last := least(v_last, 2);
    END IF;
    v_namespace := array_to_string(v_segments[:v_last - 1], '/');
    v_name := array_to_string(v_segments[v_last:], '/');
    IF p_rules.namespace_case <> 'keep' THEN
        v_namespace := artifactstore.purl_case(v_namespace, p_rules.namespace_case);
    END IF;
    IF p_rules.name_lower_at IS NOT NULL AND p_qualifiers ~ (c_host || p_rules.name_lower_at || ')') THEN
        v_case := 'lower';
    END IF;
    IF v_case <> 'keep' THEN
        v_name := artifactstore.purl_case(v_name, v_case);
    END IF;
    IF p_rules.name_replaces IS NOT NULL THEN
        v_name := regexp_replace(v_name, p_rules.name_replaces, p_rules.name_replacement, 'g');
    END IF;
    IF p_rules.type IS NOT NULL THEN
        PERFORM artifactstore.check_purl_parts(p_rules, v_namespace, v_name, v_version);
    END IF;
    IF NOT v_plain THEN
        v_namespace := replace(artifactstore.percent_encode(v_namespace), '%2F', '/');
        v_name := artifactstore.percent_encode(v_name);
        IF p_rules.name_spans THEN
            v_name := replace(v_name, '%2F', '/');
        END IF;
    END IF;
    RETURN coalesce(nullif(v_namespace, '') || '/', '') || v_name
        || coalesce('@' || artifactstore.percent_encode(v_version), '');
END
$$;

COMMENT ON FUNCTION artifactstore.canonical_path(text, integer, text, artifactstore.purl_types, text) IS
'namespace/name@version of the purl whose path p_path begins at p_at, by the rules of its type';
