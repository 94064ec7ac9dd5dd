-- A cell that does not say how many partitions its topic has gets 4, not 16 (decision 15); one that is there keeps what it has.

ALTER TABLE cellcast.cell ALTER COLUMN partitions SET DEFAULT 4;

CREATE OR REPLACE FUNCTION cellcast.check_config(config json) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_name text;
BEGIN
    IF json_typeof(config) IS DISTINCT FROM 'object' THEN
        PERFORM cellcast.refuse_config('the configuration is no JSON object');
    END IF;
    SELECT key INTO v_name FROM json_object_keys(config) key WHERE key NOT IN ('cells', 'tenants', 'api_keys') LIMIT 1;
    IF FOUND THEN
        PERFORM cellcast.refuse_config(format('unknown member %s; cells, tenants and api_keys are known', v_name));
    END IF;
    SELECT x->>'name' INTO v_name FROM json_array_elements(config->'cells') x
        JOIN cellcast.cell c ON c.name = x->>'name'
        WHERE c.partitions <> (x->>'partitions')::integer LIMIT 1;
    IF FOUND THEN
        PERFORM cellcast.refuse_config(format(
            'cell %s has another number of partitions; it stands for the life of the cell, as order hangs on it', v_name));
    END IF;
    IF EXISTS (SELECT FROM json_array_elements(config->'tenants') x WHERE x->>'name' = 'cellcast') THEN
        PERFORM cellcast.refuse_config('tenant cellcast is reserved');
    END IF;
    SELECT c INTO v_name
        FROM json_array_elements(config->'tenants') x, json_array_elements_text(x->'cells') c
        WHERE c NOT IN (SELECT y->>'name' FROM json_array_elements(config->'cells') y) LIMIT 1;
    IF FOUND THEN
        PERFORM cellcast.refuse_config(format('a tenant names cell %s, which is not among the cells', v_name));
    END IF;
    SELECT coalesce(x->>'tenant', 'null') INTO v_name FROM json_array_elements(config->'api_keys') x
        WHERE x->>'tenant' NOT IN (SELECT y->>'name' FROM json_array_elements(config->'tenants') y) LIMIT 1;
    IF FOUND THEN
        PERFORM cellcast.refuse_config(format('an API key names tenant %s, which is not among the tenants', v_name));
    END IF;
END $$;

CREATE OR REPLACE FUNCTION cellcast.apply(config json) RETURNS bigint LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM cellcast.config_state FOR UPDATE;
    PERFORM cellcast.check_config(config);

    INSERT INTO cellcast.cell AS c (name, topic, partitions)
        SELECT x->>'name', coalesce(x->>'topic', 'cellcast.' || (x->>'name')), coalesce((x->>'partitions')::integer, 4)
        FROM json_array_elements(config->'cells') x
        ON CONFLICT (name) DO UPDATE SET topic = excluded.topic WHERE c.topic <> excluded.topic;
    INSERT INTO cellcast.tenant AS t (name, options)
        SELECT x->>'name', coalesce(x->'options', '{}')::jsonb FROM json_array_elements(config->'tenants') x
        ON CONFLICT (name) DO UPDATE SET options = excluded.options WHERE t.options <> excluded.options;
    INSERT INTO cellcast.tenant_cell
        SELECT x->>'name', c FROM json_array_elements(config->'tenants') x, json_array_elements_text(x->'cells') c
        ON CONFLICT DO NOTHING;
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
    DELETE FROM cellcast.tenant_cell WHERE tenant <> 'cellcast' AND (tenant, cell) NOT IN
        (SELECT x->>'name', c FROM json_array_elements(config->'tenants') x, json_array_elements_text(x->'cells') c);
    DELETE FROM cellcast.tenant WHERE name <> 'cellcast' AND name NOT IN
        (SELECT x->>'name' FROM json_array_elements(config->'tenants') x);
    DELETE FROM cellcast.cell WHERE name NOT IN
        (SELECT x->>'name' FROM json_array_elements(config->'cells') x);
    RETURN cellcast.config_version();
END $$;
