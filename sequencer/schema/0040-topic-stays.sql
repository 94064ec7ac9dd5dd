-- A cell whose topic a file does not say keeps the one that it has, as its partitions: a file without it would otherwise move the cell
-- to a topic that other workers may read.
CREATE OR REPLACE FUNCTION cellcast.apply(config json) RETURNS bigint LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM cellcast.config_state FOR UPDATE;
    PERFORM cellcast.check_config(config);

    INSERT INTO cellcast.cell AS c (name, topic, partitions)
        SELECT x->>'name', coalesce(x->>'topic', there.topic, 'cellcast.' || (x->>'name')), coalesce((x->>'partitions')::integer, 4)
        FROM json_array_elements(config->'cells') x LEFT JOIN cellcast.cell there ON there.name = x->>'name'
        ON CONFLICT (name) DO UPDATE SET topic = excluded.topic WHERE c.topic <> excluded.topic;
    INSERT INTO cellcast.tenant AS t (name, options)
        SELECT x->>'name', coalesce(x->'options', '{}')::jsonb FROM json_array_elements(config->'tenants') x
        ON CONFLICT (name) DO UPDATE SET options = excluded.options WHERE t.options <> excluded.options;
    INSERT INTO cellcast.namespace AS n (tenant, name, options)
        SELECT x->>'name', y->>'name', coalesce(y->'options', '{}')::jsonb
        FROM json_array_elements(config->'tenants') x, json_array_elements(x->'namespaces') y
        ON CONFLICT (tenant, name) DO UPDATE SET options = excluded.options WHERE n.options <> excluded.options;
    INSERT INTO cellcast.api_key AS k (sha256, tenant)
        SELECT x->>'sha256', x->>'tenant' FROM json_array_elements(config->'api_keys') x
        ON CONFLICT (sha256) DO UPDATE SET tenant = excluded.tenant WHERE k.tenant IS DISTINCT FROM excluded.tenant;

    DELETE FROM cellcast.api_key WHERE sha256 NOT IN
        (SELECT x->>'sha256' FROM json_array_elements(config->'api_keys') x);
    DELETE FROM cellcast.namespace WHERE tenant <> 'cellcast' AND (tenant, name) NOT IN
        (SELECT x->>'name', y->>'name'
         FROM json_array_elements(config->'tenants') x, json_array_elements(x->'namespaces') y);
    DELETE FROM cellcast.tenant WHERE name <> 'cellcast' AND name NOT IN
        (SELECT x->>'name' FROM json_array_elements(config->'tenants') x);
    DELETE FROM cellcast.cell WHERE name NOT IN
        (SELECT x->>'name' FROM json_array_elements(config->'cells') x);
    PERFORM cellcast.apply_cells(config);
    RETURN cellcast.config_version();
END $$;

