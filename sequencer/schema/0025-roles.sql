-- Roles that are not the schema's owner keep what they could do: those of the relay see lanes, those of supervisors the whole
-- configuration and the end of a move, those that read messages the tenants' weights.

-- Weights alone: the options beside them hold token keys. What is no number is no weight: gateways say so in their logs.
CREATE FUNCTION cellcast.weights(OUT name text, OUT weight bigint) RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
SELECT t.name, CASE WHEN jsonb_typeof(t.options->'weight') = 'number'
                    THEN greatest(least((t.options->>'weight')::numeric, 1000), 1)::bigint ELSE 100 END
FROM cellcast.tenant t WHERE t.options ? 'weight'
$$;
REVOKE ALL ON FUNCTION cellcast.weights() FROM PUBLIC;

-- Whoever may call them needs no right to the tables below.
ALTER FUNCTION cellcast.config() SECURITY DEFINER;
ALTER FUNCTION cellcast.cell_confirms(text, bigint) SECURITY DEFINER;
ALTER FUNCTION cellcast.cell_left(text, text) SECURITY DEFINER;

CREATE FUNCTION cellcast.roles_that_may(p_acl aclitem[], p_privilege text) RETURNS SETOF regrole LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
SELECT DISTINCT a.grantee::regrole FROM aclexplode(p_acl) a WHERE a.privilege_type = p_privilege AND a.grantee <> 0
$$;
DO $$
DECLARE
    v_role regrole;
BEGIN
    FOR v_role IN SELECT cellcast.roles_that_may(relacl, 'SELECT') FROM pg_class WHERE oid = 'cellcast.tenant_cell'::regclass LOOP
        EXECUTE format('GRANT SELECT ON cellcast.lane TO %s', v_role);
    END LOOP;
    FOR v_role IN SELECT cellcast.roles_that_may(relacl, 'SELECT') FROM pg_class WHERE oid = 'cellcast.message'::regclass LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION cellcast.weights() TO %s', v_role);
    END LOOP;
    FOR v_role IN SELECT cellcast.roles_that_may(proacl, 'EXECUTE') FROM pg_proc WHERE oid = 'cellcast.config()'::regprocedure LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION cellcast.cell_confirms(text, bigint), cellcast.cell_left(text, text) TO %s', v_role);
    END LOOP;
END $$;
DROP FUNCTION cellcast.roles_that_may(aclitem[], text);
