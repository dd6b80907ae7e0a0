-- purpose: RFC 3339 to µs since 1970 by arithmetic: no session zone, no rounding of a seventh digit
-- called by: cbor_encode_scalar, people in psql
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.parse_time(p_text text)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    v_parts CONSTANT pg_catalog.text[] := regexp_match(p_text COLLATE "C",
        '^([0-9]{4})-(0[1-9]|1[0-2])-([0-9]{2})[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])'
        '(?:\.([0-9]{1,6}))?(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))$');
    v_month pg_catalog.date;
    v_day CONSTANT int := v_parts[3];
    v_seconds bigint;
    v_micros bigint;
BEGIN
    IF v_parts IS NULL OR v_parts[1]::int NOT BETWEEN 1600 AND 2300 THEN
        RETURN NULL;
    END IF;
    v_month := make_date(v_parts[1]::int, v_parts[2]::int, 1);
    IF v_day NOT BETWEEN 1 AND (v_month + interval '1 month')::date - v_month THEN
        RETURN NULL;
    END IF;
    v_seconds := (v_month - date '1970-01-01' + v_day - 1) * 86400::bigint
        + v_parts[4]::int * 3600 + v_parts[5]::int * 60 + v_parts[6]::int
        - coalesce((v_parts[8] || '1')::int * (v_parts[9]::int * 3600 + v_parts[10]::int * 60), 0);
    v_micros := v_seconds * 1000000 + rpad(coalesce(v_parts[7], ''), 6, '0')::int;
    RETURN CASE WHEN abs(v_micros) <= 9007199254740991 THEN v_micros END;
END
$$;

COMMENT ON FUNCTION artifactstore.parse_time(text) IS
'µs since 1970-01-01T00:00Z of a time such as 2030-01-31T12:00:00.5+01:00; null if it is none, has no '
'zone, more than 6 digits below the second, or is out of range';
