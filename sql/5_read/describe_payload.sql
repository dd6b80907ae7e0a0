-- purpose: a payload as a person wants to read it, even of a damaged event
-- called by: event_log, audit_events, retention_events
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.describe_payload(p_event_type text, p_payload bytea)
RETURNS jsonb
-- PARALLEL UNSAFE: an EXCEPTION block fails in parallel plans up to PostgreSQL 16
LANGUAGE plpgsql STABLE COST 1000 PARALLEL UNSAFE
AS $$
DECLARE
    v_fields pg_catalog.jsonb;
    v_payload pg_catalog.jsonb;
    v_problem pg_catalog.text;
BEGIN
    v_payload := artifactstore.cbor_decode(p_payload);
    SELECT t.fields INTO v_fields FROM artifactstore.event_types t WHERE t.event_type = p_event_type;
    IF NOT FOUND THEN
        v_problem := 'the event type is not in the catalogue';
    ELSIF v_payload - ARRAY(SELECT jsonb_object_keys(v_fields)) <> '{}' THEN
        v_problem := 'its event type has no such field';
    END IF;
    -- Nested, so that views which read fields by name do not take them for what they know.
    IF v_problem IS NOT NULL THEN
        RETURN jsonb_build_object('unreadable', v_problem, 'payload', v_payload);
    END IF;
    RETURN coalesce(artifactstore.describe_value(
        jsonb_build_object('type', 'object', 'fields', v_fields), v_payload), '{}');
EXCEPTION WHEN SQLSTATE 'ST001' OR data_exception THEN
    GET STACKED DIAGNOSTICS v_problem = MESSAGE_TEXT;
    RETURN jsonb_build_object('unreadable', v_problem);
END
$$;

COMMENT ON FUNCTION artifactstore.describe_payload(text, bytea) IS
'Payload with ids as uuid, digests as hex, times as RFC 3339; '
'{"unreadable": why} for a damaged one, beside payload when that can be decoded';
