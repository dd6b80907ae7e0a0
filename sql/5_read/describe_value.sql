-- purpose: a decoded value as a person wants to read it
-- called by: describe_payload
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.describe_value(p_spec jsonb, p_value jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    CASE p_spec ->> 'type'
        WHEN 'id' THEN
            RETURN to_jsonb((p_value #>> '{}')::uuid);
        WHEN 'time' THEN
            RETURN to_jsonb(artifactstore.show_time(artifactstore.from_micros(p_value::bigint)));
        WHEN 'object' THEN
            -- Only of fields that read otherwise: a call for each of the others would take most of the time.
            RETURN p_value || coalesce((
                SELECT jsonb_object_agg(f.key, CASE s.spec ->> 'type'
                    WHEN 'id' THEN to_jsonb((f.value #>> '{}')::uuid)
                    ELSE artifactstore.describe_value(s.spec, f.value) END)
                FROM jsonb_each(p_value) f
                CROSS JOIN LATERAL (SELECT p_spec -> 'fields' -> f.key AS spec) s
                WHERE s.spec ->> 'type' IN ('id', 'time', 'object', 'list')), '{}');
        WHEN 'list' THEN
            RETURN (
                SELECT coalesce(
                    jsonb_agg(artifactstore.describe_value(p_spec -> 'items', i.value) ORDER BY i.n), '[]')
                FROM jsonb_array_elements(p_value) WITH ORDINALITY AS i (value, n));
        ELSE
            RETURN p_value;
    END CASE;
END
$$;

COMMENT ON FUNCTION artifactstore.describe_value(jsonb, jsonb) IS
'A value decoded from CBOR with ids as uuid and times as RFC 3339, by its entry in event_types.fields';
