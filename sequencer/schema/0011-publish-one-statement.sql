-- What a publish costs the transaction of the application, once more: where all is well it is one statement, and the path of
-- names is not set (which cost 20 µs). A single-row transaction takes its backend 165 µs instead of 325, where a plain row
-- takes 100 to 140. Nothing in publish() is looked up by that path: types are keywords, functions are named with their schema,
-- there are no operators, and the bodies of the SQL functions are parsed here (BEGIN ATOMIC). Whoever adds an expression has
-- to keep that so.

CREATE OR REPLACE FUNCTION cellcast.channel_shard(channel text) RETURNS smallint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT (get_byte(decode(md5(channel), 'hex'), 0) & 63)::smallint;
END;

-- With everything that is checked, and the reason of a refusal: what publish() was.
CREATE FUNCTION cellcast.publish_checked(channel text, data json, tags json, after text[], idempotency_key text)
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
    IF octet_length(data::text) > 65536 THEN
        PERFORM cellcast.refuse(107, format('data: %s bytes; 65536 are the most', octet_length(data::text)));
    END IF;
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

-- The outbox's row of a publication without tags and `after`; none where the checks have to be made one by one. A tenant that
-- has a namespace is registered, so what stands before the slash need not be looked up.
CREATE FUNCTION cellcast.plain_row(p_channel text, p_data json, p_key text)
    RETURNS TABLE (shard smallint, tenant text, channel text, data bytea, size integer) LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT cellcast.channel_shard(c.tenant || '/' || c.name), c.tenant, c.tenant || '/' || c.name,
        convert_to(p_data::text, 'UTF8'), octet_length(p_data::text) + 512
    FROM (SELECT s.tenant, s.name, coalesce(substring(s.name FROM '^\$?([^:]*):'), '') AS namespace
          FROM (SELECT CASE WHEN position('/' IN p_channel) > 1 THEN split_part(p_channel, '/', 1) ELSE 'default' END,
                       CASE WHEN position('/' IN p_channel) > 1 THEN substr(p_channel, position('/' IN p_channel) + 1)
                            ELSE p_channel END) s(tenant, name)
          OFFSET 0) c -- so that it is worked out once, and not for every namespace that is looked at
        JOIN cellcast.namespace n ON n.tenant = c.tenant AND n.name = c.namespace
    WHERE n.options->'ephemeral' IS DISTINCT FROM 'true' AND c.tenant <> 'cellcast'
        AND c.name ~ '^[!-~]+$' AND length(c.name) <= 255 AND octet_length(p_data::text) <= 65536
        AND (p_key IS NULL OR octet_length(p_key) BETWEEN 1 AND 255);
END;

CREATE OR REPLACE FUNCTION cellcast.publish(channel text, data json, tags json DEFAULT NULL, after text[] DEFAULT NULL,
                                            idempotency_key text DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    v_id bigint;
BEGIN
    IF tags IS NULL AND after IS NULL THEN
        INSERT INTO cellcast.outbox (shard, tenant, channel, format, data, key, size)
            SELECT r.shard, r.tenant, r.channel, 0, r.data, idempotency_key, r.size
            FROM cellcast.plain_row(channel, data, idempotency_key) r
            RETURNING id INTO v_id;
    END IF;
    IF v_id IS NULL THEN
        v_id := cellcast.publish_checked(channel, data, tags, after, idempotency_key);
    END IF;
    RETURN v_id;
END $$;

REVOKE ALL ON FUNCTION cellcast.publish_checked(text, json, json, text[], text), cellcast.plain_row(text, json, text)
    FROM PUBLIC;
