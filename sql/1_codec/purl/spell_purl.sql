-- purpose: the canonical form of a purl, or what is wrong with the text
-- called by: canonical_purl
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.spell_purl(p_purl text)
RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
AS $$
DECLARE
    c_longest CONSTANT integer := 1024;
    v_start integer;
    v_end integer := coalesce(nullif(strpos(p_purl, '#'), 0), length(p_purl) + 1);
    v_query integer := coalesce(nullif(strpos(left(p_purl, v_end - 1), '?'), 0), v_end);
    v_again integer;
    v_type pg_catalog.text;
    v_path pg_catalog.text;
    v_qualifiers pg_catalog.text;
    v_subpath pg_catalog.text;
    v_rules artifactstore.purl_types;
BEGIN
    IF octet_length(p_purl) > 2 * c_longest THEN
        PERFORM artifactstore.refuse_purl(format('it is longer than %s bytes', 2 * c_longest), 'text');
    ELSIF p_purl !~ '^[!-~]+$' THEN
        PERFORM artifactstore.check_purl_text(p_purl);
    END IF;
    v_start := length((regexp_match(p_purl, '^[Pp][Kk][Gg]:/*'))[1]) + 1;
    v_again := coalesce(nullif(strpos(substr(p_purl, v_end + 1), '#'), 0) + v_end,
        nullif(strpos(substr(left(p_purl, v_end - 1), v_query + 1), '?'), 0) + v_query);
    IF v_start IS NULL THEN
        PERFORM artifactstore.refuse_purl('it does not begin with pkg:', 'scheme', 1, NULL,
            CASE WHEN p_purl ~ '^[Pp][Kk][Gg]%3[Aa]' THEN 'pkg:' || substr(p_purl, 7) END);
    ELSIF v_again IS NOT NULL THEN
        v_path := CASE WHEN v_again > v_end THEN '%23' ELSE '%3F' END;
        PERFORM artifactstore.refuse_purl(
            format('a second %s is written %s', substr(p_purl, v_again, 1), v_path),
            CASE WHEN v_again > v_end THEN 'subpath' ELSE 'qualifiers' END,
            v_again, substr(p_purl, v_again, 1),
            left(p_purl, v_again - 1) || v_path || substr(p_purl, v_again + 1));
    END IF;
    v_path := substr(p_purl, v_start, v_query - v_start);
    v_type := lower(split_part(v_path, '/', 1) COLLATE "C");
    IF v_type !~ '^[a-z][a-z0-9.-]*$' THEN
        v_again := regexp_instr(v_type, '^[^a-z]|[^a-z0-9.-]');
        PERFORM artifactstore.refuse_purl(
            'the type has letters, digits, . and - only, first a letter: pkg:type/name', 'type',
            v_start + v_again - 1, nullif(substr(v_type, v_again, 1), ''));
    ELSIF strpos(v_path, '/') = 0 THEN
        PERFORM artifactstore.refuse_purl('a type and a name are needed: pkg:type/name', 'name', v_query);
    END IF;
    SELECT * INTO v_rules FROM artifactstore.purl_types t WHERE t.type = v_type;
    IF v_query < v_end OR v_rules.qualifiers <> '{}' THEN
        v_qualifiers := artifactstore.canonical_qualifiers(
            p_purl, v_query + 1, greatest(v_end - v_query - 1, 0), v_rules);
    END IF;
    IF v_end < length(p_purl) THEN
        v_subpath := artifactstore.canonical_subpath(p_purl, v_end + 1, v_rules);
    END IF;
    v_path := artifactstore.canonical_path(
        p_purl, v_start + length(v_type) + 1, substr(v_path, length(v_type) + 2), v_rules, v_qualifiers);
    v_path := 'pkg:' || v_type || '/' || v_path
        || coalesce('?' || v_qualifiers, '') || coalesce('#' || v_subpath, '');
    IF octet_length(v_path) > c_longest THEN
        PERFORM artifactstore.refuse_purl(format('its canonical form has %s bytes, at most %s are stored',
            octet_length(v_path), c_longest), 'text');
    END IF;
    RETURN v_path;
END
$$;

COMMENT ON FUNCTION artifactstore.spell_purl(text) IS
'The canonical form of a purl in any valid spelling; '
'refuses (invalid-purl) any other text, with meant in DETAIL';
