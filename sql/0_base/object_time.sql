-- purpose: when an object of a store got its id, and whether a URI names one at all
-- called by: object_fault
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.object_time(p_uri text)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    -- store:<xx>/<id>: a UUIDv7 as 32 hex digits, and its last two before it.
    SELECT CASE WHEN p_uri ~ '^store:[0-9a-f]{2}/[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$'
            AND substr(p_uri, 7, 2) = right(p_uri, 2)
        THEN artifactstore.from_micros(1000 * ('x' || substr(p_uri, 10, 12))::bit(48)::bigint) END
$$;

COMMENT ON FUNCTION artifactstore.object_time(text) IS
'When the id of the object was made that the URI store:<xx>/<id> names, to the millisecond; '
'null for any other text';
