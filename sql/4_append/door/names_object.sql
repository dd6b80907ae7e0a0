-- purpose: does an event name an object of a store
-- called by: append_json
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.names_object(p_payload jsonb)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(p_payload ->> 'uri' LIKE 'store:%', false)
        OR p_payload @? '$.locations[*].uri ? (@ starts with "store:")'
$$;

COMMENT ON FUNCTION artifactstore.names_object(jsonb) IS
'Whether a payload, of whatever event type, gives a location in a store (its URI begins with store:)';
