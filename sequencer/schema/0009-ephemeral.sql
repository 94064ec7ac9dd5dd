-- Channels of an ephemeral namespace have no rows: a transaction can't publish to them.
CREATE OR REPLACE FUNCTION cellcast.check_namespace(full_name text) RETURNS void LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tenant text := split_part(full_name, '/', 1);
    v_name text := substr(full_name, length(v_tenant) + 2);
    v_namespace text := coalesce(substring(v_name FROM '^\$?([^:]*):'), '');
    v_options jsonb;
BEGIN
    SELECT n.options INTO v_options FROM cellcast.namespace n WHERE n.tenant = v_tenant AND n.name = v_namespace;
    IF NOT FOUND THEN
        PERFORM cellcast.refuse(102, format('channel: tenant %s has no namespace %L', v_tenant, v_namespace),
                                'Namespaces are loaded by cellcastctl apply FILE.json; '''' is that of channels without a colon.');
    END IF;
    IF v_options->'ephemeral' = 'true' THEN
        PERFORM cellcast.refuse(108, format('channel: namespace %L of tenant %s is ephemeral, its messages have no rows',
                                            v_namespace, v_tenant),
                                'Publish to it through the HTTP API or a client, or to a channel of a durable namespace.');
    END IF;
END $$;
