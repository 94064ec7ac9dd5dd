-- history_remove: a row of the log like any other, with bit 4 of its format set, below which the channel has no history any
-- more. It has its place among the publications, so everybody forgets the same ones, and nobody has to be told besides. What
-- is below is not shown from that commit on, and deleted later, in pieces (sweep_removed).

CREATE TABLE cellcast.history_floor (
    channel text COLLATE "C" PRIMARY KEY,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,                 -- of the newest removal
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    swept boolean NOT NULL DEFAULT false -- what is below it has been deleted
);
CREATE INDEX history_floor_unswept ON cellcast.history_floor (at) WHERE NOT swept;

CREATE FUNCTION cellcast.history_floor_rises() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO cellcast.history_floor AS f (channel, epoch, seq) VALUES (NEW.channel, NEW.epoch, NEW.seq)
        ON CONFLICT (channel) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, at = excluded.at, swept = false
        WHERE excluded.epoch > f.epoch OR (excluded.epoch = f.epoch AND excluded.seq > f.seq);
    RETURN NULL;
END $$;
CREATE TRIGGER history_floor AFTER INSERT ON cellcast.message FOR EACH ROW WHEN (NEW.format & 4 <> 0)
    EXECUTE FUNCTION cellcast.history_floor_rises();

-- Whether some cell's relay has still to send a removal, and what is below it: a cell whose topic was away reads that here.
CREATE FUNCTION cellcast.removed_is_wanted(p_channel text, p_epoch bigint, p_seq bigint) RETURNS boolean LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp AS $$
SELECT EXISTS (SELECT FROM cellcast.message m
    JOIN cellcast.tenant_cell t ON t.tenant = m.tenant
    LEFT JOIN cellcast.relay_progress p ON p.cell = t.cell AND p.shard = m.shard
    WHERE m.channel = p_channel AND m.epoch = p_epoch AND m.seq = p_seq AND m.id > coalesce(p.id, 0))
$$;

-- Deletes that many rows at most, a minute after their removal, once every relay is past them. -> how many
CREATE FUNCTION cellcast.sweep_removed(most integer) RETURNS bigint LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_floor record;
    v_n bigint;
    v_all bigint := 0;
BEGIN
    FOR v_floor IN SELECT f.channel, f.epoch, f.seq FROM cellcast.history_floor f
                   WHERE NOT f.swept AND f.at < clock_timestamp() - interval '1 minute'
                       AND NOT cellcast.removed_is_wanted(f.channel, f.epoch, f.seq) ORDER BY f.at LIMIT most LOOP
        DELETE FROM cellcast.message m WHERE (m.channel, m.epoch, m.seq, m.id) IN (
            SELECT r.channel, r.epoch, r.seq, r.id FROM cellcast.message r WHERE r.channel = v_floor.channel
                AND (r.epoch < v_floor.epoch OR (r.epoch = v_floor.epoch AND r.seq < v_floor.seq)) LIMIT most - v_all);
        GET DIAGNOSTICS v_n = ROW_COUNT;
        v_all := v_all + v_n;
        EXIT WHEN v_all >= most;
        UPDATE cellcast.history_floor f SET swept = true
            WHERE f.channel = v_floor.channel AND f.epoch = v_floor.epoch AND f.seq = v_floor.seq;
    END LOOP;
    RETURN v_all;
END $$;

-- For an application's own transaction: at its commit the history is gone.
CREATE FUNCTION cellcast.history_remove(channel text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_full text;
    v_id bigint;
BEGIN
    IF channel IS NULL THEN
        PERFORM cellcast.refuse(107, 'channel must be given', 'Nothing is removed.');
    END IF;
    v_full := cellcast.full_channel(channel);
    IF split_part(v_full, '/', 1) = 'cellcast' THEN
        PERFORM cellcast.refuse(103, 'channel: tenant cellcast is reserved', 'Nothing is removed.');
    END IF;
    PERFORM cellcast.check_namespace(v_full);
    INSERT INTO cellcast.outbox (shard, tenant, channel, format, data, size)
        VALUES (cellcast.channel_shard(v_full), split_part(v_full, '/', 1), v_full, 4, 'null', 516)
        RETURNING id INTO v_id;
    RETURN v_id;
END $$;

REVOKE ALL ON FUNCTION cellcast.history_floor_rises(), cellcast.removed_is_wanted(text, bigint, bigint),
    cellcast.sweep_removed(integer), cellcast.history_remove(text) FROM PUBLIC;
DO $$
BEGIN
    GRANT EXECUTE ON FUNCTION cellcast.history_remove(text) TO cellcast_publisher;
EXCEPTION
    WHEN undefined_object THEN
        NULL;
END $$;

-- Roles that read messages see where they begin.
DO $$
DECLARE
    v_role regrole;
BEGIN
    FOR v_role IN SELECT DISTINCT a.grantee::regrole FROM pg_class c, aclexplode(c.relacl) a
                  WHERE c.oid = 'cellcast.message'::regclass AND a.privilege_type = 'SELECT' AND a.grantee <> 0 LOOP
        EXECUTE format('GRANT SELECT ON cellcast.history_floor TO %s', v_role);
    END LOOP;
END $$;
