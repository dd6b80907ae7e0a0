-- purpose: what a field may hold, as a phrase for people
-- called by: cbor_encode_value
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.field_rule(p_spec jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT 'must be ' || CASE p_spec ->> 'type'
        WHEN 'text' THEN CASE WHEN p_spec ? 'enum'
            THEN 'one of ' || (p_spec ->> 'enum')
            ELSE 'text of 1 to ' || (p_spec ->> 'max') || ' bytes' END
        WHEN 'id' THEN 'a uuid as text'
        WHEN 'hash' THEN '64 hex digits, with the prefix of the algorithm or without'
        WHEN 'int' THEN 'a whole number from ' || coalesce(p_spec ->> 'min', '0') || ' to '
            || coalesce(p_spec ->> 'max', '9007199254740991') || ', without point or exponent'
        WHEN 'time' THEN 'a time with zone and at most 6 digits below the second (RFC 3339), '
            'or whole µs since 1970'
        WHEN 'bool' THEN coalesce(p_spec ->> 'const', 'true or false')
        WHEN 'map' THEN 'an object of texts'
        WHEN 'list' THEN 'an array'
        ELSE 'an object' END;
$$;

COMMENT ON FUNCTION artifactstore.field_rule(jsonb) IS
'What an entry of event_types.fields allows, in words';
