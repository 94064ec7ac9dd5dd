-- Namespaces with the option format: json_object take objects alone, from SQL as from everybody else.

CREATE FUNCTION cellcast.takes(p_options jsonb, p_data json) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p_options->>'format' IS DISTINCT FROM 'json_object' OR json_typeof(p_data) = 'object';
END;

CREATE FUNCTION cellcast.check_data(full_name text, data json) RETURNS void LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tenant text := split_part(full_name, '/', 1);
    v_namespace text := coalesce(substring(substr(full_name, length(v_tenant) + 2) FROM '^\$?([^:]*):'), '');
BEGIN
    IF octet_length(data::text) > 65536 THEN
        PERFORM cellcast.refuse(107, format('data: %s bytes; 65536 are the most', octet_length(data::text)));
    END IF;
    IF EXISTS (SELECT FROM cellcast.namespace n
               WHERE n.tenant = v_tenant AND n.name = v_namespace AND NOT cellcast.takes(n.options, data)) THEN
        PERFORM cellcast.refuse(107, format('data: namespace %L of tenant %s takes JSON objects, this is %s', v_namespace,
                                            v_tenant, json_typeof(data)));
    END IF;
END $$;

-- As before, but for what stands in the two functions above.
CREATE OR REPLACE FUNCTION cellcast.publish_checked(channel text, data json, tags json, after text[], idempotency_key text)
    RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_full text;
    v_tenant text;
    v_after text;
    v_id bigint;
BEGIN
    IF channel IS NULL OR data IS NULL THEN
        PERFORM cellcast.refuse(107, 'channel and data must be given', 'The JSON value null is written ''null''.');
    END IF;
    v_full := cellcast.full_channel(channel);
    v_tenant := split_part(v_full, '/', 1);
    IF v_tenant = 'cellcast' THEN
        PERFORM cellcast.refuse(103, 'channel: tenant cellcast is reserved');
    END IF;
    PERFORM cellcast.check_namespace(v_full);
    PERFORM cellcast.check_data(v_full, data);
    PERFORM cellcast.check_tags(tags);
    v_after := cellcast.full_after(after, v_tenant);
    IF octet_length(idempotency_key) NOT BETWEEN 1 AND 255 THEN
        PERFORM cellcast.refuse(107, 'an idempotency key has 1 to 255 bytes');
    END IF;
    INSERT INTO cellcast.outbox (shard, tenant, channel, format, data, tags, after, key, size)
    VALUES (cellcast.channel_shard(v_full), v_tenant, v_full, 0, convert_to(data::text, 'UTF8'), tags::text, v_after,
            idempotency_key,
            octet_length(data::text) + coalesce(octet_length(tags::text), 0) + coalesce(octet_length(v_after), 0) + 512)
    RETURNING id INTO v_id;
    RETURN v_id;
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
        AND cellcast.takes(n.options, p_data)
        AND c.name ~ '^[!-~]+$' AND length(c.name) <= 255 AND octet_length(p_data::text) <= 65536
        AND (p_key IS NULL OR octet_length(p_key) BETWEEN 1 AND 255);
END;
REVOKE ALL ON FUNCTION cellcast.takes(jsonb, json), cellcast.check_data(text, json) FROM PUBLIC;
