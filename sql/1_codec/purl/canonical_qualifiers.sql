-- purpose: the canonical form of the qualifiers of a purl
-- called by: spell_purl
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.canonical_qualifiers(
    p_purl text, p_at integer, p_length integer, p_rules artifactstore.purl_types
)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $$
DECLARE
    c_guid CONSTANT pg_catalog.text := '^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$';
    v_at integer := p_at;
    v_raw pg_catalog.text;
    v_key pg_catalog.text;
    v_bad integer;
    v_value pg_catalog.text;
    v_keys pg_catalog.text[] := '{}';
    v_values pg_catalog.text[] := '{}';
BEGIN
    FOREACH v_raw IN ARRAY string_to_array(substr(p_purl, p_at, p_length), '&') LOOP
        v_key := split_part(v_raw, '=', 1);
        v_bad := regexp_instr(v_key, '^[^A-Za-z]|[^A-Za-z0-9._-]');
        IF v_raw = '' THEN
            NULL; -- as an empty value: nothing is said
        ELSIF v_bad > 0 THEN
            PERFORM artifactstore.refuse_purl(
                'the key of a qualifier has letters, digits and . - _ only, first a letter',
                'qualifiers', v_at + v_bad - 1, substr(v_key, v_bad, 1));
        ELSIF strpos(v_raw, '=') < 2 THEN
            PERFORM artifactstore.refuse_purl(
                'a qualifier is key=value (an & in a value is written %26)', 'qualifiers', v_at);
        ELSE
            v_key := lower(v_key COLLATE "C");
            v_value := artifactstore.purl_segment(p_purl, v_at + length(v_key) + 1,
                length(v_raw) - length(v_key) - 1, 'qualifiers');
            IF v_key = ANY (v_keys) THEN
                PERFORM artifactstore.refuse_purl(
                    format('the qualifier %s is there twice', v_key), 'qualifiers', v_at);
            END IF;
            IF v_value <> '' THEN
                v_keys := v_keys || v_key;
                v_values := v_values || CASE WHEN v_key = ANY (p_rules.guids) AND v_value ~ c_guid
                    THEN lower(v_value COLLATE "C") ELSE v_value END;
            END IF;
        END IF;
        v_at := v_at + length(v_raw) + 1;
    END LOOP;
    SELECT q.key INTO v_key FROM unnest(p_rules.qualifiers) AS q (key) WHERE q.key <> ALL (v_keys) LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse_purl(
            format('type %s needs the qualifier %s: ?%s=…', p_rules.type, v_key, v_key), 'qualifiers');
    END IF;
    RETURN (
        SELECT string_agg(
            q.key || '=' || artifactstore.percent_encode(q.value), '&' ORDER BY q.key COLLATE "C")
        FROM unnest(v_keys, v_values) AS q (key, value));
END
$$;

COMMENT ON FUNCTION artifactstore.canonical_qualifiers(text, integer, integer, artifactstore.purl_types) IS
'The qualifiers in the p_length characters from p_at: keys in lower case and sorted, values encoded, '
'empty ones left out; null if there is none';
