-- Which cells have ever run: one that has not cannot have clients, so a call about clients need not be answered by it (decision
-- 31). A supervisor has its cell's first start recorded before any gateway of it is configured.

CREATE TABLE cellcast.cell_started (
    cell text COLLATE "C" PRIMARY KEY REFERENCES cellcast.cell ON DELETE CASCADE,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO cellcast.cell_started SELECT name FROM cellcast.cell; -- nobody knows which of them have
CREATE TRIGGER changed AFTER INSERT ON cellcast.cell_started
    FOR EACH ROW EXECUTE FUNCTION cellcast.config_changed();

-- A supervisor: this cell is about to run.
CREATE FUNCTION cellcast.cell_starts(p_cell text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM cellcast.config_state FOR UPDATE;
    INSERT INTO cellcast.cell_started (cell) SELECT name FROM cellcast.cell WHERE name = p_cell ON CONFLICT DO NOTHING;
END $$;
REVOKE ALL ON FUNCTION cellcast.cell_starts(text) FROM PUBLIC;

-- As before, and of a cell that has never run "new":true.
CREATE OR REPLACE FUNCTION cellcast.config() RETURNS json LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
SELECT json_build_object(
    'version', (SELECT version FROM cellcast.config_state),
    'cells', (SELECT coalesce(json_agg(
                  CASE WHEN s.cell IS NULL
                       THEN json_build_object('name', c.name, 'topic', c.topic, 'partitions', c.partitions, 'new', true)
                       ELSE json_build_object('name', c.name, 'topic', c.topic, 'partitions', c.partitions) END
                  ORDER BY c.name), '[]') FROM cellcast.cell c LEFT JOIN cellcast.cell_started s ON s.cell = c.name),
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

-- Whoever may ask for the configuration may say it.
DO $$
DECLARE
    v_role regrole;
BEGIN
    FOR v_role IN SELECT DISTINCT a.grantee::regrole FROM pg_proc p, aclexplode(p.proacl) a
        WHERE p.oid = 'cellcast.config()'::regprocedure AND a.privilege_type = 'EXECUTE' AND a.grantee <> 0 LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION cellcast.cell_starts(text) TO %s', v_role);
    END LOOP;
END $$;
