-- purpose: name the first number that a range of the log lacks
-- called by: decode_range
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.refuse_hole(p_first bigint, p_last bigint)
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_missing bigint;
BEGIN
    SELECT min(n) INTO v_missing
    FROM generate_series(p_first, p_last) AS n
    WHERE NOT EXISTS (SELECT FROM artifactstore.events e WHERE e.sequence = n);
    PERFORM artifactstore.refuse('log-damaged', jsonb_build_object(
        'sequence', v_missing, 'problem', 'the event is missing: a hole in the log'));
END
$$;

COMMENT ON FUNCTION artifactstore.refuse_hole(bigint, bigint) IS
'Raises log-damaged with the first missing sequence of p_first … p_last';
