-- Webhooks (decision 29). Workers say what is so, the difference to what was told is an event, cellcast-webhooks sends it.
-- A subject is a full channel name, or cellcast/client:TENANT:CLIENT.

CREATE TABLE cellcast.webhook_held (
    subject text COLLATE "C" PRIMARY KEY,
    cells text[] COLLATE "C" NOT NULL, -- where it is occupied or connected; never empty
    detail text -- of a client: {"client","user"}
);
CREATE TABLE cellcast.webhook_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- drawn under the lock of the subject's row
    tenant text COLLATE "C" NOT NULL,
    name text NOT NULL,
    detail text NOT NULL, -- a JSON object
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX webhook_event_by_tenant ON cellcast.webhook_event (tenant, id);
CREATE TABLE cellcast.webhook_endpoint (
    tenant text COLLATE "C" PRIMARY KEY REFERENCES cellcast.tenant ON DELETE CASCADE,
    dropped bigint NOT NULL DEFAULT 0, -- events that were too many or too old, and that no batch has told of
    failures bigint NOT NULL DEFAULT 0, -- since it took one
    error text, -- of the last try, if that failed
    tried_at timestamptz,
    taken_at timestamptz
);
-- Who sends.
CREATE TABLE cellcast.webhook_sender (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    holder bigint NOT NULL,
    until timestamptz NOT NULL
);

-- These three have no search_path of their own, so that they are inlined; their callers have.
CREATE FUNCTION cellcast.webhook_wants(p_options jsonb, VARIADIC p_names text[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
SELECT coalesce(p_options->>'webhook_url', '') <> '' AND CASE
    WHEN jsonb_typeof(p_options->'webhook_events') = 'array' AND jsonb_array_length(p_options->'webhook_events') > 0
    THEN p_options->'webhook_events' ?| p_names ELSE true END
$$;
CREATE FUNCTION cellcast.webhook_is_client(p_subject text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT starts_with(p_subject, 'cellcast/client:') $$;
CREATE FUNCTION cellcast.webhook_tenant(p_subject text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
SELECT CASE WHEN cellcast.webhook_is_client(p_subject) THEN split_part(p_subject, ':', 2) ELSE split_part(p_subject, '/', 1) END
$$;

-- In p_cell each subject is held (1: occupied, connected), or is not (0); a subject once in a call. Said again it changes nothing.
-- -> events
CREATE FUNCTION cellcast.webhook_tell(p_cell text, p_subjects text[], p_held smallint[], p_details text[])
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_events bigint;
BEGIN
    PERFORM FROM cellcast.webhook_held WHERE subject = ANY (p_subjects) ORDER BY subject FOR UPDATE;
    WITH said AS (
        SELECT s.subject, s.held <> 0 AS held, s.detail, t.name AS tenant, t.options, cellcast.webhook_is_client(s.subject) AS client
        FROM unnest(p_subjects, p_held, p_details) AS s(subject, held, detail)
        LEFT JOIN cellcast.tenant t ON t.name = cellcast.webhook_tenant(s.subject)
    ), came AS (
        INSERT INTO cellcast.webhook_held AS h
        SELECT s.subject, ARRAY[p_cell], s.detail FROM said s
        WHERE s.held AND CASE WHEN s.client THEN cellcast.webhook_wants(s.options, 'client_connected', 'client_disconnected')
                              ELSE cellcast.webhook_wants(s.options, 'channel_occupied', 'channel_vacated') END
        ORDER BY s.subject
        ON CONFLICT (subject) DO UPDATE SET cells = h.cells || p_cell WHERE p_cell <> ALL (h.cells)
        RETURNING h.subject, h.detail, cardinality(h.cells) = 1 AS changed
    ), left_one AS (
        UPDATE cellcast.webhook_held h SET cells = array_remove(h.cells, p_cell)
        FROM said s WHERE NOT s.held AND h.subject = s.subject AND p_cell = ANY (h.cells) AND cardinality(h.cells) > 1
    ), left_last AS (
        DELETE FROM cellcast.webhook_held h
        USING said s WHERE NOT s.held AND h.subject = s.subject AND h.cells = ARRAY[p_cell]
        RETURNING h.subject, h.detail, true
    ), event AS (
        SELECT s.tenant, s.options, c.subject, c.detail,
               CASE WHEN s.client THEN 'client_' ELSE 'channel_' END ||
               CASE WHEN s.held THEN CASE WHEN s.client THEN 'connected' ELSE 'occupied' END
                    ELSE CASE WHEN s.client THEN 'disconnected' ELSE 'vacated' END END AS name
        FROM (SELECT * FROM came UNION ALL SELECT * FROM left_last) c JOIN said s USING (subject) WHERE c.changed
    )
    INSERT INTO cellcast.webhook_event (tenant, name, detail)
    SELECT e.tenant, e.name, coalesce(e.detail, json_build_object('channel', substr(e.subject, length(e.tenant) + 2))::text)
    FROM event e WHERE cellcast.webhook_wants(e.options, e.name) ORDER BY e.subject;
    GET DIAGNOSTICS v_events = ROW_COUNT;
    RETURN v_events;
END $$;

-- What was told of a cell, a page in order of subject.
CREATE FUNCTION cellcast.webhook_held_page(p_cell text, p_after text, p_rows integer) RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT subject FROM cellcast.webhook_held WHERE subject > p_after COLLATE "C" AND p_cell = ANY (cells)
ORDER BY subject LIMIT p_rows
$$;

-- ---- what is no longer wanted

-- Subjects whose names begin with p_prefix.
CREATE FUNCTION cellcast.webhook_forget(p_prefix text) RETURNS void LANGUAGE sql
    SET search_path = pg_catalog, pg_temp AS $$
DELETE FROM cellcast.webhook_held
WHERE subject >= p_prefix COLLATE "C" AND subject < (left(p_prefix, -1) || chr(ascii(right(p_prefix, 1)) + 1)) COLLATE "C"
$$;
CREATE FUNCTION cellcast.webhook_unwatch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_options jsonb := CASE TG_OP WHEN 'DELETE' THEN '{}' ELSE NEW.options END;
BEGIN
    IF NOT cellcast.webhook_wants(v_options, 'channel_occupied', 'channel_vacated') THEN
        PERFORM cellcast.webhook_forget(OLD.name || '/');
    END IF;
    IF NOT cellcast.webhook_wants(v_options, 'client_connected', 'client_disconnected') THEN
        PERFORM cellcast.webhook_forget('cellcast/client:' || OLD.name || ':');
    END IF;
    IF coalesce(v_options->>'webhook_url', '') = '' THEN
        DELETE FROM cellcast.webhook_event WHERE tenant = OLD.name;
        DELETE FROM cellcast.webhook_endpoint WHERE tenant = OLD.name;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_unwatch AFTER UPDATE OF options ON cellcast.tenant FOR EACH ROW
    WHEN (OLD.options ? 'webhook_url') EXECUTE FUNCTION cellcast.webhook_unwatch();
CREATE TRIGGER webhook_unwatch_deleted AFTER DELETE ON cellcast.tenant FOR EACH ROW
    WHEN (OLD.options ? 'webhook_url') EXECUTE FUNCTION cellcast.webhook_unwatch();

-- A cell that is taken out has nobody any more.
CREATE FUNCTION cellcast.webhook_cell_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM cellcast.webhook_tell(OLD.name, x.subjects, array_fill(0::smallint, ARRAY[cardinality(x.subjects)]),
                                  array_fill(NULL::text, ARRAY[cardinality(x.subjects)]))
    FROM (SELECT array_agg(subject ORDER BY subject) AS subjects FROM cellcast.webhook_held WHERE OLD.name = ANY (cells)) x
    WHERE x.subjects IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_cell_gone AFTER DELETE ON cellcast.cell
    FOR EACH ROW EXECUTE FUNCTION cellcast.webhook_cell_gone();

-- ---- the sender

-- -> whether p_holder is the one that sends, for p_ms more
CREATE FUNCTION cellcast.webhook_lease(p_holder bigint, p_ms bigint) RETURNS boolean LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
WITH taken AS (
    INSERT INTO cellcast.webhook_sender AS s (holder, until)
    VALUES (p_holder, clock_timestamp() + p_ms * interval '1 millisecond')
    ON CONFLICT (one) DO UPDATE SET holder = excluded.holder, until = excluded.until
    WHERE s.holder = excluded.holder OR s.until < clock_timestamp()
    RETURNING 1)
SELECT EXISTS (SELECT FROM taken)
$$;
CREATE FUNCTION cellcast.webhook_release(p_holder bigint) RETURNS void LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$ DELETE FROM cellcast.webhook_sender WHERE holder = p_holder $$;

-- Tenants of which something waits, with where it is to go; null: nowhere any more.
CREATE FUNCTION cellcast.webhook_waiting(OUT tenant text, OUT oldest_ms bigint, OUT url text, OUT secret text, OUT previous_secret text)
    RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
WITH RECURSIVE turn AS (
    (SELECT e.tenant, e.at FROM cellcast.webhook_event e ORDER BY e.tenant, e.id LIMIT 1)
    UNION ALL
    SELECT n.tenant, n.at FROM turn t, LATERAL (
        SELECT e.tenant, e.at FROM cellcast.webhook_event e WHERE e.tenant > t.tenant ORDER BY e.tenant, e.id LIMIT 1) n
)
SELECT w.tenant, greatest(extract(epoch FROM clock_timestamp() - w.at) * 1000, 0)::bigint, t.options->>'webhook_url',
       coalesce(t.options->>'webhook_secret', ''), coalesce(t.options->>'webhook_previous_secret', '')
FROM turn w JOIN cellcast.tenant t ON t.name = w.tenant WHERE coalesce(t.options->>'webhook_url', '') <> ''
$$;

-- The oldest of a tenant, in order, and what was dropped before them.
CREATE FUNCTION cellcast.webhook_read(p_tenant text, p_rows integer,
                                      OUT id bigint, OUT name text, OUT detail text, OUT at_ms bigint, OUT dropped bigint)
    RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT e.id, e.name, e.detail, (extract(epoch FROM e.at) * 1000)::bigint,
       coalesce((SELECT p.dropped FROM cellcast.webhook_endpoint p WHERE p.tenant = p_tenant), 0)
FROM cellcast.webhook_event e WHERE e.tenant = p_tenant ORDER BY e.id LIMIT p_rows
$$;

-- The endpoint has taken them, and heard how many were dropped.
CREATE FUNCTION cellcast.webhook_taken(p_tenant text, p_ids bigint[], p_dropped bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_n bigint;
BEGIN
    DELETE FROM cellcast.webhook_event WHERE id = ANY (p_ids);
    GET DIAGNOSTICS v_n = ROW_COUNT;
    INSERT INTO cellcast.webhook_endpoint AS e (tenant, tried_at, taken_at)
        SELECT name, clock_timestamp(), clock_timestamp() FROM cellcast.tenant WHERE name = p_tenant
        ON CONFLICT (tenant) DO UPDATE SET dropped = greatest(e.dropped - p_dropped, 0), failures = 0, error = NULL,
            tried_at = excluded.tried_at, taken_at = excluded.taken_at;
    RETURN v_n;
END $$;

CREATE FUNCTION cellcast.webhook_rows_max(p_options jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN jsonb_typeof(p_options->'webhook_rows_max') = 'number'
            THEN least(greatest(trunc((p_options->>'webhook_rows_max')::numeric), 0), 1000000000)::bigint ELSE 100000 END
$$;
-- As in common/run/option_value.h: a number is ms, text has a unit. What is longer than a timestamp reaches back is a century.
CREATE FUNCTION cellcast.webhook_age_max(p_options jsonb) RETURNS interval LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp AS $$
SELECT least(interval '36500 days', CASE
    WHEN p_options->>'webhook_age_max' ~ '^[0-9]{1,12}$' THEN (p_options->>'webhook_age_max')::bigint * interval '1 millisecond'
    WHEN p_options->>'webhook_age_max' ~ '^[0-9]{1,9}(ms|s|m|h|d)$' THEN
        substring(p_options->>'webhook_age_max' FROM '^[0-9]+')::bigint *
        CASE substring(p_options->>'webhook_age_max' FROM '[a-z]+$') WHEN 'ms' THEN interval '1 millisecond' WHEN 's' THEN interval '1 second'
            WHEN 'm' THEN interval '1 minute' WHEN 'h' THEN interval '1 hour' ELSE interval '1 day' END
    ELSE interval '24 hours' END)
$$;

-- Of what waits for a tenant the newest are kept, as many as it may have, and none that is too old. -> how many went
CREATE FUNCTION cellcast.webhook_trim(p_tenant text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_options jsonb;
    v_last bigint; -- the newest that goes
    v_n bigint;
BEGIN
    SELECT options INTO v_options FROM cellcast.tenant WHERE name = p_tenant;
    SELECT max(x.id) INTO v_last FROM (
        (SELECT e.id FROM cellcast.webhook_event e WHERE e.tenant = p_tenant ORDER BY e.id DESC
         OFFSET cellcast.webhook_rows_max(v_options) LIMIT 1)
        UNION ALL
        (SELECT e.id FROM cellcast.webhook_event e WHERE e.tenant = p_tenant
         AND e.at < clock_timestamp() - cellcast.webhook_age_max(v_options) ORDER BY e.id DESC LIMIT 1)) x;
    DELETE FROM cellcast.webhook_event WHERE tenant = p_tenant AND id <= v_last;
    GET DIAGNOSTICS v_n = ROW_COUNT;
    IF v_n > 0 THEN
        INSERT INTO cellcast.webhook_endpoint AS e (tenant, dropped) SELECT name, v_n FROM cellcast.tenant WHERE name = p_tenant
            ON CONFLICT (tenant) DO UPDATE SET dropped = e.dropped + v_n;
    END IF;
    RETURN v_n;
END $$;

-- A batch was not taken. -> how many were too many or too old meanwhile
CREATE FUNCTION cellcast.webhook_failed(p_tenant text, p_error text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO cellcast.webhook_endpoint AS e (tenant, failures, error, tried_at)
        SELECT name, 1, p_error, clock_timestamp() FROM cellcast.tenant WHERE name = p_tenant
        ON CONFLICT (tenant) DO UPDATE SET failures = e.failures + 1, error = p_error, tried_at = excluded.tried_at;
    RETURN cellcast.webhook_trim(p_tenant);
END $$;

-- For operators: [{"tenant","url","waiting","oldest_s"|null,"held","failures","error"|null,"tried_s_ago"|null,"taken_s_ago"|null,"dropped"}]
CREATE FUNCTION cellcast.webhook_status() RETURNS json LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
SELECT coalesce(json_agg(json_build_object(
    'tenant', t.name, 'url', t.options->>'webhook_url', 'waiting', w.n,
    'oldest_s', floor(extract(epoch FROM clock_timestamp() - w.oldest)),
    'failures', coalesce(p.failures, 0), 'error', p.error,
    'tried_s_ago', floor(extract(epoch FROM clock_timestamp() - p.tried_at)),
    'taken_s_ago', floor(extract(epoch FROM clock_timestamp() - p.taken_at)),
    'dropped', coalesce(p.dropped, 0)) ORDER BY t.name), '[]')
FROM cellcast.tenant t LEFT JOIN cellcast.webhook_endpoint p ON p.tenant = t.name,
    LATERAL (SELECT count(*) AS n, min(e.at) AS oldest FROM cellcast.webhook_event e WHERE e.tenant = t.name) w
WHERE coalesce(t.options->>'webhook_url', '') <> ''
$$;

REVOKE ALL ON FUNCTION cellcast.webhook_wants(jsonb, text[]), cellcast.webhook_is_client(text), cellcast.webhook_tenant(text),
    cellcast.webhook_tell(text, text[], smallint[], text[]), cellcast.webhook_held_page(text, text, integer),
    cellcast.webhook_forget(text), cellcast.webhook_unwatch(), cellcast.webhook_cell_gone(), cellcast.webhook_lease(bigint, bigint),
    cellcast.webhook_release(bigint), cellcast.webhook_waiting(), cellcast.webhook_read(text, integer),
    cellcast.webhook_taken(text, bigint[], bigint), cellcast.webhook_trim(text), cellcast.webhook_rows_max(jsonb), cellcast.webhook_age_max(jsonb),
    cellcast.webhook_failed(text, text), cellcast.webhook_status() FROM PUBLIC;
-- Roles of workers, which read the weights, say what is so.
DO $$
DECLARE
    v_role regrole;
BEGIN
    FOR v_role IN SELECT DISTINCT a.grantee::regrole FROM pg_proc, aclexplode(proacl) a
                  WHERE oid = 'cellcast.weights()'::regprocedure AND a.privilege_type = 'EXECUTE' AND a.grantee <> 0 LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION cellcast.webhook_tell(text, text[], smallint[], text[]), '
                       'cellcast.webhook_held_page(text, text, integer) TO %s', v_role);
    END LOOP;
END $$;
