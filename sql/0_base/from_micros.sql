-- purpose: a time of a payload as timestamptz, exactly and whatever the session's zone
-- called by: projectors, describe_value
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.from_micros(p_micros bigint)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    -- By way of timestamp, whose arithmetic knows no zone and so is immutable; exact below 2^53.
    SELECT (timestamp '1970-01-01' + p_micros * interval '1 microsecond') AT TIME ZONE 'UTC';
$$;

COMMENT ON FUNCTION artifactstore.from_micros(bigint) IS
'The instant that is p_micros microseconds after 1970-01-01T00:00Z; p_micros within ±(2^53 - 1)';
