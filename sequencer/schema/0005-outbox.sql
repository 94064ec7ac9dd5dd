-- Publishing from an application's own transaction.
-- Conditions: ZC107 bad request, ZC102 unknown channel, ZC103 permission denied (the protocol's error codes).

CREATE TABLE cellcast.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard smallint NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL, -- full form
    format smallint NOT NULL,
    data bytea NOT NULL,
    tags text,
    after text,                        -- full forms, parted by one space
    key text,
    size integer NOT NULL,             -- bytes of all of it
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Read by (shard, tenant, id), so that one tenant's million rows hide nobody's.
CREATE INDEX outbox_turn ON cellcast.outbox (shard, tenant, id) INCLUDE (size);

-- Rows that could not be sequenced, for a human to look at.
CREATE TABLE cellcast.outbox_dead (
    id bigint PRIMARY KEY,
    channel text NOT NULL,
    format smallint NOT NULL,
    data bytea NOT NULL,
    tags text,
    after text,
    key text,
    created_at timestamptz NOT NULL,
    died_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    code integer NOT NULL,
    error text NOT NULL
);

CREATE FUNCTION cellcast.refuse(code integer, message text, hint text DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'cellcast.publish: %', message
        USING ERRCODE = 'ZC' || code, HINT = coalesce(hint, 'The transaction publishes nothing.');
END $$;

-- What stands before the first slash is the tenant if it is registered, otherwise the slash belongs to the name and
-- the tenant is `default`.
CREATE FUNCTION cellcast.full_channel(channel text) RETURNS text LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_slash integer := position('/' IN channel);
    v_tenant text := 'default';
    v_name text := channel;
BEGIN
    IF EXISTS (SELECT FROM cellcast.tenant t WHERE v_slash > 1 AND t.name = left(channel, v_slash - 1)) THEN
        v_tenant := left(channel, v_slash - 1);
        v_name := substr(channel, v_slash + 1);
    ELSIF NOT EXISTS (SELECT FROM cellcast.tenant t WHERE t.name = 'default') THEN
        PERFORM cellcast.refuse(102, format('channel: %L is of no registered tenant', channel),
                                'Name it tenant/channel, or register tenant default: cellcastctl apply FILE.json');
    END IF;
    IF v_name !~ '^[!-~]{1,255}$' THEN
        PERFORM cellcast.refuse(107, format('channel: %L is no channel name', channel),
                                'A name is 1 to 255 printable ASCII characters without the space.');
    END IF;
    RETURN v_tenant || '/' || v_name;
END $$;

CREATE FUNCTION cellcast.check_namespace(full_name text) RETURNS void LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tenant text := split_part(full_name, '/', 1);
    v_name text := substr(full_name, length(v_tenant) + 2);
    v_namespace text := coalesce(substring(v_name FROM '^\$?([^:]*):'), '');
BEGIN
    IF NOT EXISTS (SELECT FROM cellcast.namespace n WHERE n.tenant = v_tenant AND n.name = v_namespace) THEN
        PERFORM cellcast.refuse(102, format('channel: tenant %s has no namespace %L', v_tenant, v_namespace),
                                'Namespaces are loaded by cellcastctl apply FILE.json; '''' is that of channels without a colon.');
    END IF;
END $$;

CREATE FUNCTION cellcast.check_tags(tags json) RETURNS void LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_key text;
BEGIN
    IF tags IS NULL THEN
        RETURN;
    END IF;
    IF json_typeof(tags) <> 'object' THEN
        PERFORM cellcast.refuse(107, 'tags: no JSON object');
    END IF;
    IF octet_length(tags::text) > 65536 THEN
        PERFORM cellcast.refuse(107, format('tags: %s bytes; 65536 are the most', octet_length(tags::text)));
    END IF;
    SELECT t.key INTO v_key FROM json_each(tags) t WHERE json_typeof(t.value) <> 'string' LIMIT 1;
    IF FOUND THEN
        PERFORM cellcast.refuse(107, format('tags: %L is no string', v_key));
    END IF;
    SELECT t.key INTO v_key FROM json_each(tags) t WHERE t.key IN ('id', 'after') LIMIT 1;
    IF FOUND THEN
        PERFORM cellcast.refuse(107, format('tags: %L is set by cellcast', v_key),
                                'Use the parameter `after` to name what a publication answers.');
    END IF;
END $$;

-- -> the references in full form, parted by one space; null when there are none
CREATE FUNCTION cellcast.full_after(after text[], tenant text) RETURNS text LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_reference text;
    v_match text[];
    v_full text;
    v_all text[] := '{}';
BEGIN
    IF cardinality(after) > 8 THEN
        PERFORM cellcast.refuse(107, format('after: %s references; 8 are the most', cardinality(after)));
    END IF;
    FOREACH v_reference IN ARRAY coalesce(after, '{}') LOOP
        v_match := regexp_match(v_reference, '^(.+)@([1-9]\d{0,18})$');
        IF v_match IS NULL OR v_match[2]::numeric > 9223372036854775807 THEN
            PERFORM cellcast.refuse(107, format('after: %L is no reference', v_reference), 'A reference is channel@seq.');
        END IF;
        v_full := cellcast.full_channel(v_match[1]);
        IF split_part(v_full, '/', 1) <> tenant THEN
            PERFORM cellcast.refuse(107, format('after: %L is of another tenant than the publication', v_reference));
        END IF;
        -- An older snapshot may lack what the application has seen: then the sequencer alone decides.
        IF current_setting('transaction_isolation') = 'read committed' AND NOT EXISTS (
            SELECT FROM cellcast.channel_head h WHERE h.channel = v_full AND h.seq >= v_match[2]::bigint) THEN
            PERFORM cellcast.refuse(107, format('after: %s does not exist', v_reference));
        END IF;
        v_all := v_all || (v_full || '@' || v_match[2]);
    END LOOP;
    RETURN nullif(array_to_string(v_all, ' '), '');
END $$;

CREATE FUNCTION cellcast.publish(channel text, data json, tags json DEFAULT NULL, after text[] DEFAULT NULL,
                                 idempotency_key text DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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

-- The oldest rows of every tenant, at most p_per_tenant each and p_bytes in all, by turns; without those that the
-- caller holds already (which count, so that what it holds is bounded as well).
CREATE FUNCTION cellcast.outbox_read(p_shards smallint[], p_held bigint[], p_per_tenant integer, p_bytes bigint)
    RETURNS TABLE (id bigint, channel text, format smallint, data bytea, tags text, after text, key text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH RECURSIVE turn AS (
    (SELECT o.shard, o.tenant FROM cellcast.outbox o ORDER BY o.shard, o.tenant LIMIT 1)
    UNION ALL
    SELECT n.shard, n.tenant FROM turn t, LATERAL (
        SELECT o.shard, o.tenant FROM cellcast.outbox o WHERE (o.shard, o.tenant) > (t.shard, t.tenant)
        ORDER BY o.shard, o.tenant LIMIT 1) n
), oldest AS (
    SELECT t.tenant, r.id, r.size FROM turn t, LATERAL (
        SELECT o.id, o.size FROM cellcast.outbox o WHERE o.shard = t.shard AND o.tenant = t.tenant
        ORDER BY o.id LIMIT p_per_tenant) r
    WHERE t.shard = ANY (p_shards)
), ranked AS (
    SELECT o.tenant, o.id, o.size, row_number() OVER (PARTITION BY o.tenant ORDER BY o.id) AS rank FROM oldest o
), summed AS (
    SELECT r.id, r.rank, sum(r.size) OVER (ORDER BY r.rank, r.tenant ROWS UNBOUNDED PRECEDING) - r.size AS before
    FROM ranked r WHERE r.rank <= p_per_tenant
)
SELECT o.id, o.channel, o.format, o.data, o.tags, o.after, o.key
FROM summed s JOIN cellcast.outbox o ON o.id = s.id
WHERE s.before < p_bytes AND s.id <> ALL (p_held)
ORDER BY o.id
$$;

CREATE FUNCTION cellcast.outbox_bury(p_id bigint, p_code integer, p_error text) RETURNS void LANGUAGE sql
    SET search_path = pg_catalog, pg_temp AS $$
WITH gone AS (DELETE FROM cellcast.outbox o WHERE o.id = p_id RETURNING o.*)
INSERT INTO cellcast.outbox_dead (id, channel, format, data, tags, after, key, created_at, code, error)
    SELECT id, channel, format, data, tags, after, key, created_at, p_code, p_error FROM gone
$$;

-- For the metrics; counted up to 100,000 only.
CREATE FUNCTION cellcast.outbox_state(OUT waiting bigint, OUT dead bigint, OUT oldest_ms bigint) LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
SELECT (SELECT count(*) FROM (SELECT FROM cellcast.outbox LIMIT 100000) o),
    (SELECT count(*) FROM (SELECT FROM cellcast.outbox_dead LIMIT 100000) d),
    coalesce((SELECT (extract(epoch FROM clock_timestamp() - o.created_at) * 1000)::bigint
              FROM cellcast.outbox o ORDER BY o.id LIMIT 1), 0)
$$;
