-- Data that is nested deeper than the sequencer takes (JSON_DEPTH_MAX, 128 levels) is refused in the application's transaction.
-- It was taken, and set aside in outbox_dead when the transaction had committed.

-- What needs no second look: 129 levels take 258 bytes, and 129 brackets that open.
CREATE FUNCTION cellcast.is_surely_shallow(p_text text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT octet_length(p_text) <= 256 OR octet_length(p_text) - octet_length(translate(p_text, '[{', '')) <= 128;
END;

CREATE FUNCTION cellcast.is_too_deep(p_data json) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_left text := p_data::text;
BEGIN
    IF cellcast.is_surely_shallow(v_left) THEN
        RETURN false;
    END IF;
    v_left := regexp_replace(v_left, E'"(?:[^"\\\\]|\\\\.)*"', '', 'g');
    v_left := regexp_replace(v_left, '[^][{}]+', '', 'g');
    FOR i IN 1 .. 128 LOOP
        EXIT WHEN v_left = '';
        v_left := regexp_replace(v_left, '[[][]]|[{][}]', '', 'g'); -- the innermost ones
    END LOOP;
    RETURN v_left <> '';
END $$;

-- As before, but for the depth.
CREATE OR REPLACE FUNCTION cellcast.check_data(full_name text, data json) RETURNS void LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tenant text := split_part(full_name, '/', 1);
    v_namespace text := coalesce(substring(substr(full_name, length(v_tenant) + 2) FROM '^\$?([^:]*):'), '');
BEGIN
    IF octet_length(data::text) > 65536 THEN
        PERFORM cellcast.refuse(107, format('data: %s bytes; 65536 are the most', octet_length(data::text)));
    END IF;
    IF cellcast.is_too_deep(data) THEN
        PERFORM cellcast.refuse(107, 'data: nested deeper than 128 levels');
    END IF;
    IF EXISTS (SELECT FROM cellcast.namespace n
               WHERE n.tenant = v_tenant AND n.name = v_namespace AND NOT cellcast.takes(n.options, data)) THEN
        PERFORM cellcast.refuse(107, format('data: namespace %L of tenant %s takes JSON objects, this is %s', v_namespace,
                                            v_tenant, json_typeof(data)));
    END IF;
END $$;

CREATE OR REPLACE FUNCTION cellcast.plain_row(p_channel text, p_data json, p_key text)
    RETURNS TABLE (shard smallint, tenant text, channel text, data bytea, size integer) LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT cellcast.channel_shard(c.tenant || '/' || c.name), c.tenant, c.tenant || '/' || c.name,
        convert_to(p_data::text, 'UTF8'), octet_length(p_data::text) + 512
    FROM (SELECT s.tenant, s.name, coalesce(substring(s.name FROM '^\$?([^:]*):'), '') AS namespace
          FROM (SELECT CASE WHEN position('/' IN p_channel) > 1 THEN split_part(p_channel, '/', 1) ELSE 'default' END,
                       CASE WHEN position('/' IN p_channel) > 1 THEN substr(p_channel, position('/' IN p_channel) + 1)
                            ELSE p_channel END) s(tenant, name)
          OFFSET 0) c
        JOIN cellcast.namespace n ON n.tenant = c.tenant AND n.name = c.namespace
    WHERE n.options->'ephemeral' IS DISTINCT FROM 'true' AND c.tenant <> 'cellcast'
        AND cellcast.takes(n.options, p_data) AND cellcast.is_surely_shallow(p_data::text)
        AND c.name ~ '^[!-~]+$' AND length(c.name) <= 255 AND octet_length(p_data::text) <= 65536
        AND (p_key IS NULL OR octet_length(p_key) BETWEEN 1 AND 255);
END;

REVOKE ALL ON FUNCTION cellcast.is_surely_shallow(text), cellcast.is_too_deep(json) FROM PUBLIC;
