-- purpose: read a payload that may be damaged
-- called by: point_at, log_evidence, number_events
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.payload_or_null(p_payload bytea)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE -- an EXCEPTION block fails in parallel plans up to PostgreSQL 16
AS $$
BEGIN
    RETURN artifactstore.cbor_decode(p_payload);
EXCEPTION WHEN SQLSTATE 'ST001' OR data_exception THEN
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION artifactstore.payload_or_null(bytea) IS
'The payload decoded; null when it is damaged, which verify tells';
