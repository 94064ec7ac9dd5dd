-- Publish quotas for the sequencer: of tenants (`tenant`) and of each channel of a namespace (`tenant/namespace`). 0, or no
-- number: none.

CREATE FUNCTION cellcast.quota_of(options jsonb, name text) RETURNS bigint LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN jsonb_typeof(options->name) = 'number' THEN least(greatest(trunc((options->>name)::numeric), 0), 1000000000000)::bigint ELSE 0 END
$$;

CREATE FUNCTION cellcast.publish_quotas(OUT name text, OUT publish_rate bigint, OUT publish_bytes bigint)
    RETURNS SETOF record LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT q.name, cellcast.quota_of(q.options, 'publish_rate'), cellcast.quota_of(q.options, 'publish_bytes')
FROM (SELECT t.name, t.options FROM cellcast.tenant t
      UNION ALL
      SELECT n.tenant || '/' || n.name, n.options FROM cellcast.namespace n) q
WHERE cellcast.quota_of(q.options, 'publish_rate') > 0 OR cellcast.quota_of(q.options, 'publish_bytes') > 0
$$;

REVOKE ALL ON FUNCTION cellcast.quota_of(jsonb, text), cellcast.publish_quotas() FROM PUBLIC;

-- outbox_read without the rows of channels of which the caller holds enough, since they wait for their quota: a tenant's other
-- channels are read on behind them. How far is bounded, in a shard 20 times what is held of a tenant.
CREATE FUNCTION cellcast.outbox_read(p_shards smallint[], p_held bigint[], p_per_tenant integer, p_bytes bigint, p_late text[])
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
        SELECT a.id, a.size FROM (
            SELECT o.id, o.size, o.channel FROM cellcast.outbox o WHERE o.shard = t.shard AND o.tenant = t.tenant
            ORDER BY o.id LIMIT p_per_tenant * CASE WHEN cardinality(p_late) = 0 THEN 1 ELSE 20 END) a
        WHERE a.channel <> ALL (p_late)
        ORDER BY a.id LIMIT p_per_tenant) r
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
-- A sequencer of the release before still calls it by four.
CREATE OR REPLACE FUNCTION cellcast.outbox_read(p_shards smallint[], p_held bigint[], p_per_tenant integer, p_bytes bigint)
    RETURNS TABLE (id bigint, channel text, format smallint, data bytea, tags text, after text, key text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT * FROM cellcast.outbox_read(p_shards, p_held, p_per_tenant, p_bytes, '{}')
$$;

REVOKE ALL ON FUNCTION cellcast.outbox_read(smallint[], bigint[], integer, bigint, text[]) FROM PUBLIC;
