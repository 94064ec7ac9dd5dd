-- Partitions of message: one per day of the id's clock (ms since 2024-01-01 in the bits from 21 up).
-- They are added as tables and attached, which takes no lock that a reader or a writer of message waits for.

CREATE FUNCTION cellcast.id_day(id bigint) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT ((id >> 21) / 86400000)::integer $$;

CREATE FUNCTION cellcast.id_floor(at timestamptz) RETURNS bigint LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ SELECT greatest(0, (extract(epoch FROM at) * 1000)::bigint - 1704067200000) << 21 $$;

CREATE FUNCTION cellcast.partition_name(day integer) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT 'message_' || to_char(date '2024-01-01' + day, 'YYYYMMDD') $$;

CREATE FUNCTION cellcast.add_partition(day integer) RETURNS boolean LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_name text := cellcast.partition_name(day);
BEGIN
    IF to_regclass('cellcast.' || v_name) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- Two sequencers may want the same day: the second one waits here and then finds it.
    PERFORM pg_advisory_xact_lock(hashtext('cellcast.add_partition'));
    IF to_regclass('cellcast.' || v_name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE cellcast.%I (LIKE cellcast.message INCLUDING ALL)', v_name);
    EXECUTE format('ALTER TABLE cellcast.message ATTACH PARTITION cellcast.%I FOR VALUES FROM (%s) TO (%s)',
                   v_name, (day::bigint * 86400000) << 21, ((day + 1)::bigint * 86400000) << 21);
    RETURN true;
END $$;

-- Today's partition by the database's clock, yesterday's (ids lag the clock a little) and those of `ahead` days.
CREATE FUNCTION cellcast.add_partitions(ahead integer) RETURNS integer LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_today integer := cellcast.id_day(cellcast.id_floor(clock_timestamp()));
    v_added integer := 0;
BEGIN
    FOR v_day IN greatest(0, v_today - 1) .. v_today + ahead LOOP
        IF cellcast.add_partition(v_day) THEN
            v_added := v_added + 1;
        END IF;
    END LOOP;
    RETURN v_added;
END $$;

-- Whether some cell's relay has still to send a row of that partition.
CREATE FUNCTION cellcast.partition_is_wanted(name text) RETURNS boolean LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_due record;
    v_wanted boolean;
BEGIN
    FOR v_due IN
        SELECT c.name AS cell, s.shard, coalesce(p.id, 0) AS id
        FROM cellcast.cell c CROSS JOIN cellcast.shard s
            LEFT JOIN cellcast.relay_progress p ON p.cell = c.name AND p.shard = s.shard
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM cellcast.%I m WHERE m.shard = $1 AND m.id > $2 AND m.tenant IN '
                       '(SELECT t.tenant FROM cellcast.tenant_cell t WHERE t.cell = $3))', name)
            INTO v_wanted USING v_due.shard, v_due.id, v_due.cell;
        IF v_wanted THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;

-- Drops what is older than the retention by the database's clock and past every cell's relay. The drop needs message
-- for itself for a moment: it gives up after lock_timeout, and its caller tries again later.
CREATE FUNCTION cellcast.drop_partitions(retention interval, OUT dropped integer, OUT held integer) LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    v_limit bigint := cellcast.id_floor(clock_timestamp() - retention);
    v_name text;
BEGIN
    dropped := 0;
    held := 0;
    FOR v_name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'cellcast.message'::regclass AND c.relname ~ '^message_\d{8}$'
            AND ((to_date(right(c.relname, 8), 'YYYYMMDD') + 1 - date '2024-01-01')::bigint * 86400000) << 21 <= v_limit
        ORDER BY c.relname
    LOOP
        IF cellcast.partition_is_wanted(v_name) THEN
            held := held + 1;
        ELSE
            EXECUTE format('DROP TABLE cellcast.%I', v_name);
            dropped := dropped + 1;
        END IF;
    END LOOP;
END $$;

-- What has served its time, a bounded piece at each call. -> rows removed
CREATE FUNCTION cellcast.sweep(most integer) RETURNS bigint LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_removed bigint;
    v_more bigint;
BEGIN
    DELETE FROM cellcast.idempotency WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM cellcast.idempotency WHERE created_at < clock_timestamp() - interval '10 minutes' LIMIT most));
    GET DIAGNOSTICS v_removed = ROW_COUNT;
    DELETE FROM cellcast.receipt WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM cellcast.receipt WHERE created_at < clock_timestamp() - interval '3 minutes' LIMIT most));
    GET DIAGNOSTICS v_more = ROW_COUNT;
    DELETE FROM cellcast.relay_progress p WHERE NOT EXISTS (SELECT FROM cellcast.cell c WHERE c.name = p.cell);
    RETURN v_removed + v_more;
END $$;

SELECT cellcast.add_partitions(2);
