-- A tenant moves from one set of cells to another while it is served (decision 21). Make before break: the new cells get
-- everything first (joining), and only when each of them has proved that it carries what was committed since (cell_seen)
-- they are live and the others leaving; those keep getting everything until their last client has gone.

ALTER TABLE cellcast.tenant_cell ADD COLUMN state text NOT NULL DEFAULT 'live'
    CHECK (state IN ('joining', 'live', 'leaving'));
CREATE TABLE cellcast.tenant_move (
    tenant text COLLATE "C" PRIMARY KEY REFERENCES cellcast.tenant ON DELETE CASCADE,
    cells text[] COLLATE "C" NOT NULL, -- where it goes to
    added text[] COLLATE "C" NOT NULL, -- those of them that did not get its messages before
    version bigint NOT NULL            -- configuration from which on all of them do
);
-- The newest configuration under which a message went the whole way of a cell, after every process had been told of it.
CREATE TABLE cellcast.cell_seen (
    cell text COLLATE "C" PRIMARY KEY REFERENCES cellcast.cell ON DELETE CASCADE,
    version bigint NOT NULL,
    at timestamptz NOT NULL
);

-- The move takes its turn once nothing is waited for any more.
CREATE FUNCTION cellcast.tenant_move_turn(p_tenant text) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_move cellcast.tenant_move;
BEGIN
    SELECT * INTO v_move FROM cellcast.tenant_move WHERE tenant = p_tenant;
    IF NOT FOUND OR EXISTS (
        SELECT FROM cellcast.tenant_cell t LEFT JOIN cellcast.cell_seen s USING (cell)
        WHERE t.tenant = p_tenant AND t.state = 'joining' AND coalesce(s.version, 0) < v_move.version) THEN
        RETURN;
    END IF;
    UPDATE cellcast.tenant_cell SET state = CASE WHEN cell = ANY (v_move.cells) THEN 'live' ELSE 'leaving' END
    WHERE tenant = p_tenant;
    DELETE FROM cellcast.tenant_move WHERE tenant = p_tenant;
END $$;

-- -> version of the configuration from which on the new cells get everything
CREATE FUNCTION cellcast.tenant_move(p_tenant text, p_cells text[]) RETURNS bigint LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_name text;
    v_added text[];
BEGIN
    PERFORM FROM cellcast.config_state FOR UPDATE;
    IF p_tenant = 'cellcast' OR NOT EXISTS (SELECT FROM cellcast.tenant WHERE name = p_tenant) THEN
        PERFORM cellcast.refuse_config(format('there is no tenant %s that could move', p_tenant));
    END IF;
    p_cells := ARRAY(SELECT DISTINCT c FROM unnest(p_cells) c);
    IF cardinality(p_cells) = 0 THEN
        PERFORM cellcast.refuse_config('a tenant needs a cell');
    END IF;
    SELECT c INTO v_name FROM unnest(p_cells) c WHERE c NOT IN (SELECT name FROM cellcast.cell) LIMIT 1;
    IF FOUND THEN
        PERFORM cellcast.refuse_config(format('there is no cell %s', v_name));
    END IF;
    IF EXISTS (SELECT FROM cellcast.tenant_move WHERE tenant = p_tenant) THEN
        PERFORM cellcast.refuse_config(format('tenant %s is moving already; cancel that, or wait', p_tenant));
    END IF;
    SELECT coalesce(array_agg(c), '{}') INTO v_added FROM unnest(p_cells) c
        WHERE c NOT IN (SELECT cell FROM cellcast.tenant_cell WHERE tenant = p_tenant);
    INSERT INTO cellcast.tenant_cell AS t (tenant, cell, state) SELECT p_tenant, c, 'joining' FROM unnest(p_cells) c
        ON CONFLICT (tenant, cell) DO UPDATE SET state = 'joining' WHERE t.state = 'leaving';
    INSERT INTO cellcast.tenant_move VALUES (p_tenant, p_cells, v_added, cellcast.config_version());
    PERFORM cellcast.tenant_move_turn(p_tenant);
    RETURN cellcast.config_version();
END $$;

-- -> false: there was none under way, or it has taken its turn. What it had added is as it was.
CREATE FUNCTION cellcast.tenant_move_cancel(p_tenant text) RETURNS boolean LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_added text[];
BEGIN
    PERFORM FROM cellcast.config_state FOR UPDATE;
    DELETE FROM cellcast.tenant_move WHERE tenant = p_tenant RETURNING added INTO v_added;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM cellcast.tenant_cell WHERE tenant = p_tenant AND state = 'joining' AND cell = ANY (v_added);
    UPDATE cellcast.tenant_cell SET state = 'leaving' WHERE tenant = p_tenant AND state = 'joining';
    RETURN true;
END $$;

-- A supervisor: with every process of the cell told of that configuration, a message went the whole way since.
CREATE FUNCTION cellcast.cell_confirms(p_cell text, p_version bigint) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tenant text;
BEGIN
    PERFORM FROM cellcast.config_state FOR UPDATE;
    INSERT INTO cellcast.cell_seen AS s VALUES (p_cell, p_version, clock_timestamp())
        ON CONFLICT (cell) DO UPDATE SET version = greatest(s.version, excluded.version), at = excluded.at;
    FOR v_tenant IN SELECT tenant FROM cellcast.tenant_move WHERE p_cell = ANY (cells) LOOP
        PERFORM cellcast.tenant_move_turn(v_tenant);
    END LOOP;
END $$;

-- A supervisor: the last client of that tenant has left this cell.
CREATE FUNCTION cellcast.cell_left(p_cell text, p_tenant text) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM cellcast.config_state FOR UPDATE;
    DELETE FROM cellcast.tenant_cell WHERE tenant = p_tenant AND cell = p_cell AND state = 'leaving';
END $$;

-- Where a tenant is: {"cells":[{"name","state","seen_s_ago"|null}],"moving_to":["b"]|null}; null: no such tenant
CREATE FUNCTION cellcast.tenant_where(p_tenant text) RETURNS json LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
SELECT json_build_object(
    'cells', (SELECT coalesce(json_agg(json_build_object('name', t.cell, 'state', t.state, 'seen_s_ago',
                  floor(extract(epoch FROM clock_timestamp() - s.at))) ORDER BY t.cell), '[]')
              FROM cellcast.tenant_cell t LEFT JOIN cellcast.cell_seen s USING (cell) WHERE t.tenant = x.name),
    'moving_to', (SELECT to_json(m.cells) FROM cellcast.tenant_move m WHERE m.tenant = x.name))
FROM cellcast.tenant x WHERE x.name = p_tenant
$$;

-- For balancers: a line per tenant, its name and the cells that new clients go to.
CREATE FUNCTION cellcast.tenant_map() RETURNS text LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
SELECT string_agg(line, E'\n' ORDER BY line) FROM (
    SELECT tenant || ' ' || string_agg(cell, ' ' ORDER BY cell) AS line FROM cellcast.tenant_cell
    WHERE state = 'live' AND tenant <> 'cellcast' GROUP BY tenant) x
$$;

-- A cell that is there stays as it is. -> version of the configuration
CREATE FUNCTION cellcast.cell_add(p_cell text) RETURNS bigint LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO cellcast.cell (name, topic) VALUES (p_cell, 'cellcast.' || p_cell) ON CONFLICT DO NOTHING;
    RETURN cellcast.config_version();
END $$;

-- Where a file says other cells for a tenant that is there, it moves like any other.
CREATE FUNCTION cellcast.apply_cells(config json) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tenant text;
    v_cells text[];
    v_now text[];
BEGIN
    FOR v_tenant, v_cells IN
        SELECT x->>'name', ARRAY(SELECT DISTINCT c COLLATE "C" FROM json_array_elements_text(x->'cells') c ORDER BY 1)
        FROM json_array_elements(config->'tenants') x LOOP
        SELECT coalesce(
            (SELECT ARRAY(SELECT c COLLATE "C" FROM unnest(m.cells) c ORDER BY 1) FROM cellcast.tenant_move m WHERE m.tenant = v_tenant),
            ARRAY(SELECT t.cell FROM cellcast.tenant_cell t WHERE t.tenant = v_tenant AND t.state = 'live' ORDER BY 1)) INTO v_now;
        CONTINUE WHEN v_now = v_cells;
        PERFORM cellcast.tenant_move_cancel(v_tenant);
        IF NOT EXISTS (SELECT FROM cellcast.tenant_cell WHERE tenant = v_tenant) THEN
            INSERT INTO cellcast.tenant_cell SELECT v_tenant, c FROM unnest(v_cells) c;
        ELSIF cardinality(v_cells) > 0 THEN
            PERFORM cellcast.tenant_move(v_tenant, v_cells);
        ELSE
            DELETE FROM cellcast.tenant_cell WHERE tenant = v_tenant;
        END IF;
    END LOOP;
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

-- Those of a tenant in one of these states, in order.
CREATE FUNCTION cellcast.cells_of(p_tenant text, p_states text[]) RETURNS json LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
SELECT coalesce(json_agg(t.cell ORDER BY t.cell), '[]') FROM cellcast.tenant_cell t
WHERE t.tenant = p_tenant AND t.state = ANY (p_states)
$$;

CREATE OR REPLACE FUNCTION cellcast.config() RETURNS json LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
SELECT json_build_object(
    'version', (SELECT version FROM cellcast.config_state),
    'cells', (SELECT coalesce(json_agg(json_build_object('name', c.name, 'topic', c.topic, 'partitions', c.partitions)
                                       ORDER BY c.name), '[]') FROM cellcast.cell c),
    'tenants', (SELECT coalesce(json_agg(json_build_object(
                    'name', t.name,
                    'cells', cellcast.cells_of(t.name, '{joining,live,leaving}'),
                    'joining', cellcast.cells_of(t.name, '{joining}'),
                    'leaving', cellcast.cells_of(t.name, '{leaving}'),
                    'options', t.options) ORDER BY t.name), '[]') FROM cellcast.tenant t),
    'namespaces', (SELECT coalesce(json_agg(json_build_object('tenant', n.tenant, 'name', n.name, 'options', n.options)
                                            ORDER BY n.tenant, n.name), '[]') FROM cellcast.namespace n),
    'api_keys', (SELECT coalesce(json_agg(json_build_object('sha256', k.sha256, 'tenant', k.tenant)
                                          ORDER BY k.sha256), '[]') FROM cellcast.api_key k),
    'lanes', (SELECT coalesce(json_agg(json_build_object('channel', l.channel, 'lane', l.lane) ORDER BY l.channel), '[]')
              FROM cellcast.lane l))
$$;

REVOKE ALL ON FUNCTION cellcast.tenant_move_turn(text), cellcast.tenant_move(text, text[]), cellcast.tenant_move_cancel(text),
    cellcast.cell_confirms(text, bigint), cellcast.cell_left(text, text), cellcast.tenant_where(text), cellcast.tenant_map(), cellcast.cell_add(text), cellcast.apply_cells(json),
    cellcast.cells_of(text, text[]) FROM PUBLIC;
