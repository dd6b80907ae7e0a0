-- purpose: fast decoding of the usual v1.file.ingested, half of a typical log
-- called by: decode_usual
-- writes: nothing
--
-- Usual: ASCII, at most one inline location, nothing optional but sha256. Null for any other payload:
-- decode_payload then decodes it step by step.
CREATE OR REPLACE FUNCTION artifactstore.decode_file_ingested(p_payload bytea)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    v_length CONSTANT integer := octet_length(p_payload);
    v_at integer;
    v_n integer;
    v_pairs integer := 4;
    v_path pg_catalog.text;
    v_size bigint;
    v_blake3 pg_catalog.text;
    v_uri pg_catalog.text;
    v_backend pg_catalog.text;
    v_sha256 pg_catalog.text := '';
    v_locations pg_catalog.text := '';
BEGIN
    -- Lengths are checked so that get_byte never reads behind the end; no such payload is under 83 bytes.
    IF v_length NOT BETWEEN 83 AND 1500 OR substr(p_payload, 2, 5) <> '\x6470617468' THEN -- "path"
        RETURN NULL;
    END IF;
    v_n := get_byte(p_payload, 6);
    IF v_n BETWEEN 97 AND 119 THEN
        v_n := v_n - 96;
        v_at := 7;
    ELSIF v_n = 120 AND get_byte(p_payload, 7) > 23 THEN
        v_n := get_byte(p_payload, 7);
        v_at := 8;
    ELSE
        RETURN NULL;
    END IF;
    v_path := encode(substr(p_payload, v_at + 1, v_n), 'escape');
    v_at := v_at + v_n;

    IF substr(p_payload, v_at + 1, 5) <> '\x6473697a65' OR v_length < v_at + 75 THEN -- "size"
        RETURN NULL;
    END IF;
    v_n := get_byte(p_payload, v_at + 5);
    IF v_n < 24 THEN
        v_size := v_n;
        v_at := v_at + 6;
    ELSIF v_n = 24 AND get_byte(p_payload, v_at + 6) > 23 THEN
        v_size := get_byte(p_payload, v_at + 6);
        v_at := v_at + 7;
    ELSIF v_n = 25 AND get_byte(p_payload, v_at + 6) > 0 THEN
        v_size := get_byte(p_payload, v_at + 6) << 8 | get_byte(p_payload, v_at + 7);
        v_at := v_at + 8;
    ELSIF v_n = 26 AND substr(p_payload, v_at + 7, 2) <> '\x0000' THEN
        v_size := ('x' || encode(substr(p_payload, v_at + 7, 4), 'hex'))::bit(32)::bigint;
        v_at := v_at + 10;
    ELSE
        RETURN NULL;
    END IF;

    IF substr(p_payload, v_at + 1, 9) <> '\x66626c616b65335820' THEN -- "blake3", 32 bytes
        RETURN NULL;
    END IF;
    v_blake3 := encode(substr(p_payload, v_at + 10, 32), 'hex');
    v_at := v_at + 41;

    IF substr(p_payload, v_at + 1, 9) = '\x667368613235365820' THEN -- "sha256", 32 bytes
        v_sha256 := ',"sha256":"' || encode(substr(p_payload, v_at + 10, 32), 'hex') || '"';
        v_at := v_at + 41;
        v_pairs := v_pairs + 1;
    END IF;

    IF substr(p_payload, v_at + 1, 16) = '\x696c6f636174696f6e7381a363757269' THEN -- "locations": [{"uri"
        IF v_length < v_at + 75 THEN
            RETURN NULL;
        END IF;
        v_n := get_byte(p_payload, v_at + 16);
        IF v_n BETWEEN 97 AND 119 THEN
            v_n := v_n - 96;
            v_at := v_at + 17;
        ELSIF v_n = 120 AND get_byte(p_payload, v_at + 17) > 23 THEN
            v_n := get_byte(p_payload, v_at + 17);
            v_at := v_at + 18;
        ELSE
            RETURN NULL;
        END IF;
        v_uri := encode(substr(p_payload, v_at + 1, v_n), 'escape');
        v_at := v_at + v_n;
        IF substr(p_payload, v_at + 1, 8) <> '\x676261636b656e64' OR v_length < v_at + 67 THEN -- "backend"
            RETURN NULL;
        END IF;
        v_n := get_byte(p_payload, v_at + 8) - 96;
        IF v_n NOT BETWEEN 1 AND 23
            -- "location_id", 16 bytes
            OR substr(p_payload, v_at + 10 + v_n, 13) <> '\x6b6c6f636174696f6e5f696450'
        THEN
            RETURN NULL;
        END IF;
        v_backend := encode(substr(p_payload, v_at + 10, v_n), 'escape');
        v_at := v_at + 9 + v_n;
        v_locations := ',"locations":[{"uri":"' || v_uri || '","backend":"' || v_backend
            || '","location_id":"' || encode(substr(p_payload, v_at + 14, 16), 'hex') || '"}]';
        v_at := v_at + 29;
        v_pairs := v_pairs + 1;
    END IF;

    -- "package_id", 16 bytes, the end; texts need no escapes in JSON:
    -- a backslash stands for what is not ASCII
    IF substr(p_payload, v_at + 1, 12) <> '\x6a7061636b6167655f696450'
        OR v_length <> v_at + 28 OR get_byte(p_payload, 0) <> 160 + v_pairs
        OR concat(v_path, v_uri, v_backend) COLLATE "C" ~ '[\\"\x01-\x1f]'
    THEN
        RETURN NULL;
    END IF;
    RETURN ('{"path":"' || v_path || '","size":' || v_size || ',"blake3":"' || v_blake3 || '"' || v_sha256
        || v_locations
        || ',"package_id":"' || encode(substr(p_payload, v_at + 13, 16), 'hex') || '"}')::jsonb;
END
$$;

COMMENT ON FUNCTION artifactstore.decode_file_ingested(bytea) IS
'The same as cbor_decode for the usual v1.file.ingested, null for any other payload';
