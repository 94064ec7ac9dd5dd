-- What cells, tenants, namespaces and keys there are. `cellcastctl apply` replaces it as a whole; every change raises
-- the version that processes watch.

CREATE TABLE cellcast.config_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL,
    changed_by xid8 -- one step per transaction
);
INSERT INTO cellcast.config_state (version) VALUES (1);

CREATE TABLE cellcast.cell (
    name text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[a-z0-9-]{1,32}$'),
    topic text NOT NULL CHECK (topic ~ '^[a-zA-Z0-9._-]{1,249}$'),
    partitions integer NOT NULL DEFAULT 16 CHECK (partitions BETWEEN 1 AND 4096)
);
CREATE TABLE cellcast.tenant (
    name text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[a-z0-9-]{1,32}$'),
    options jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(options) = 'object')
);
CREATE TABLE cellcast.tenant_cell (
    tenant text COLLATE "C" NOT NULL REFERENCES cellcast.tenant ON DELETE CASCADE,
    cell text COLLATE "C" NOT NULL REFERENCES cellcast.cell ON DELETE CASCADE,
    PRIMARY KEY (tenant, cell)
);
CREATE TABLE cellcast.namespace (
    tenant text COLLATE "C" NOT NULL REFERENCES cellcast.tenant ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL CHECK (name ~ '^[!-.0-9;-~]{0,64}$'), -- printable, without `/` and `:`
    options jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(options) = 'object'),
    PRIMARY KEY (tenant, name)
);
CREATE TABLE cellcast.api_key (
    sha256 text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    tenant text COLLATE "C" REFERENCES cellcast.tenant ON DELETE CASCADE -- null: all tenants
);

CREATE FUNCTION cellcast.config_changed() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE cellcast.config_state SET version = version + 1, changed_by = pg_current_xact_id()
    WHERE changed_by IS DISTINCT FROM pg_current_xact_id();
    RETURN NULL;
END $$;
-- The reserved tenant's canary channels go to every cell.
CREATE FUNCTION cellcast.cell_added() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO cellcast.tenant_cell VALUES ('cellcast', NEW.name);
    RETURN NULL;
END $$;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON cellcast.cell
    FOR EACH ROW EXECUTE FUNCTION cellcast.config_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON cellcast.tenant
    FOR EACH ROW EXECUTE FUNCTION cellcast.config_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON cellcast.tenant_cell
    FOR EACH ROW EXECUTE FUNCTION cellcast.config_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON cellcast.namespace
    FOR EACH ROW EXECUTE FUNCTION cellcast.config_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON cellcast.api_key
    FOR EACH ROW EXECUTE FUNCTION cellcast.config_changed();
CREATE TRIGGER added AFTER INSERT ON cellcast.cell
    FOR EACH ROW EXECUTE FUNCTION cellcast.cell_added();

INSERT INTO cellcast.tenant (name) VALUES ('cellcast');
INSERT INTO cellcast.namespace (tenant, name) VALUES ('cellcast', '');

CREATE FUNCTION cellcast.config_version() RETURNS bigint LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT version FROM cellcast.config_state $$;

CREATE FUNCTION cellcast.config() RETURNS json LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
SELECT json_build_object(
    'version', (SELECT version FROM cellcast.config_state),
    'cells', (SELECT coalesce(json_agg(json_build_object('name', c.name, 'topic', c.topic, 'partitions', c.partitions)
                                       ORDER BY c.name), '[]') FROM cellcast.cell c),
    'tenants', (SELECT coalesce(json_agg(json_build_object(
                    'name', t.name,
                    'cells', (SELECT coalesce(json_agg(tc.cell ORDER BY tc.cell), '[]')
                              FROM cellcast.tenant_cell tc WHERE tc.tenant = t.name),
                    'options', t.options) ORDER BY t.name), '[]') FROM cellcast.tenant t),
    'namespaces', (SELECT coalesce(json_agg(json_build_object('tenant', n.tenant, 'name', n.name, 'options', n.options)
                                            ORDER BY n.tenant, n.name), '[]') FROM cellcast.namespace n),
    'api_keys', (SELECT coalesce(json_agg(json_build_object('sha256', k.sha256, 'tenant', k.tenant)
                                          ORDER BY k.sha256), '[]') FROM cellcast.api_key k))
$$;

CREATE FUNCTION cellcast.refuse_config(message text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', message USING ERRCODE = 'ZC107', HINT = 'Nothing was changed.';
END $$;

-- Checks that apply() makes beside the tables' own constraints.
CREATE FUNCTION cellcast.check_config(config json) RETURNS void LANGUAGE plpgsql
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
        WHERE c.partitions <> coalesce((x->>'partitions')::integer, 16) LIMIT 1;
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

-- Replaces the whole configuration; rows that stay the same are not touched, so that applying twice changes nothing.
-- {"cells":[{"name","topic"?,"partitions"?}],"tenants":[{"name","cells":[..],"options"?,"namespaces":[{"name","options"?}]}],
--  "api_keys":[{"sha256","tenant"|null}]} -> version
CREATE FUNCTION cellcast.apply(config json) RETURNS bigint LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM cellcast.config_state FOR UPDATE;
    PERFORM cellcast.check_config(config);

    INSERT INTO cellcast.cell AS c (name, topic, partitions)
        SELECT x->>'name', coalesce(x->>'topic', 'cellcast.' || (x->>'name')), coalesce((x->>'partitions')::integer, 16)
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
