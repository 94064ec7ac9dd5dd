-- Publish quotas for the sequencer: of tenants (`tenant`) and of each channel of a namespace (`tenant/namespace`). 0, or no
-- number: none.

CREATE FUNCTION cellcast.quota_of(options jsonb, name text) RETURNS bigint LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN jsonb_typeof(options->name) = 'number' THEN greatest(trunc((options->>name)::numeric), 0)::bigint ELSE 0 END
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
