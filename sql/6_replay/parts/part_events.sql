-- purpose: which events of a range can be of a part, told without decoding them
-- called by: project_part
-- writes: nothing
--
-- A payload that names its package has the key and 16 bytes behind it: searching for that takes a tenth of
-- decoding. A path or text may hold the same bytes; where they are found twice, or not at all, every part
-- takes the event and looks at what it says. Bytes and events are bounded as in range_end, those of other
-- parts not counted.
CREATE OR REPLACE FUNCTION artifactstore.part_events(
    p_part integer, p_parts integer, p_first bigint, p_last bigint, OUT last bigint, OUT sequences bigint[]
)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    -- "package_id", and the head of a string of 16 bytes
    c_key CONSTANT bytea := '\x6a7061636b6167655f696450';
    c_head CONSTANT integer := octet_length(c_key);
    v_end CONSTANT bigint := least(p_first + 10000 * p_parts - 1, p_last);
BEGIN
    SELECT coalesce(min(m.sequence) FILTER (WHERE NOT m.fits) - 1, v_end),
        coalesce(array_agg(m.sequence ORDER BY m.sequence) FILTER (WHERE m.fits), '{}')
    INTO last, sequences
    FROM (
        SELECT e.sequence, row_number() OVER w = 1
            OR row_number() OVER w <= 10000 AND sum(octet_length(e.payload)) OVER w <= 33554432 AS fits
        FROM artifactstore.events e
        -- OFFSET: searched once, not wherever the place is used.
        CROSS JOIN LATERAL (
            SELECT CASE WHEN e.subject_kind NOT IN ('package', 'retention', 'system')
                THEN position(c_key IN e.payload) END AS at OFFSET 0) k
        WHERE e.sequence BETWEEN p_first AND v_end AND CASE
            WHEN k.at IS NULL THEN artifactstore.part_of(e.subject_id, p_parts) = p_part
            WHEN k.at = 0 OR octet_length(e.payload) < k.at + c_head + 15
                OR position(c_key IN substr(e.payload, k.at + 1)) > 0 THEN true
            ELSE artifactstore.part_of(
                encode(substr(e.payload, k.at + c_head, 16), 'hex')::uuid, p_parts) = p_part END
        WINDOW w AS (ORDER BY e.sequence)
    ) m;
END
$$;

COMMENT ON FUNCTION artifactstore.part_events(integer, integer, bigint, bigint) IS
'Sequences, ascending, of the events from p_first that can be of part p_part, at most 10,000 and 32 MiB of '
'payload, and the last event that was looked at for them, at most p_last';
