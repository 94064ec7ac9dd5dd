-- Data as applications have it: jsonb (jsonb_build_object, SQLAlchemy, npgsql, sqlx) and text (JDBC, npgsql, ORMs: drivers that say what type a string is) beside
-- json. A literal, or a parameter of no type, is taken for text, as PostgreSQL does where one of several functions takes it; what is in it stays as it is.

CREATE FUNCTION cellcast.publish(channel text, data jsonb, tags jsonb DEFAULT NULL, after text[] DEFAULT NULL, idempotency_key text DEFAULT NULL)
    RETURNS bigint LANGUAGE sql AS 'SELECT cellcast.publish(channel, data::pg_catalog.json, tags::pg_catalog.json, after, idempotency_key)';
CREATE FUNCTION cellcast.publish(channel text, data text, tags text DEFAULT NULL, after text[] DEFAULT NULL, idempotency_key text DEFAULT NULL)
    RETURNS bigint LANGUAGE sql AS 'SELECT cellcast.publish(channel, data::pg_catalog.json, tags::pg_catalog.json, after, idempotency_key)';

REVOKE ALL ON FUNCTION cellcast.publish(text, jsonb, jsonb, text[], text), cellcast.publish(text, text, text, text[], text) FROM PUBLIC;
-- Who may publish may do it in any form.
DO $$
DECLARE
    v_role regrole;
BEGIN
    FOR v_role IN SELECT DISTINCT a.grantee::regrole FROM pg_proc p, aclexplode(p.proacl) a
        WHERE p.oid = 'cellcast.publish(text, json, json, text[], text)'::regprocedure AND a.privilege_type = 'EXECUTE' AND a.grantee <> 0 LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION cellcast.publish(text, jsonb, jsonb, text[], text), '
                       'cellcast.publish(text, text, text, text[], text) TO %s', v_role);
    END LOOP;
END $$;
