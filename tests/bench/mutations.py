"""Safeguards, and what the sources read like without them: name, edits [(file, text that stands there once, without it)],
and what has to turn red: a unit test (meson's name), scenarios (pytest nodes), or each of both."""

MUTATIONS = [
    {
        "name": "acknowledged at the statement's result instead of the sync",
        "edits": [
            (
                "common/pg/pg.c",
                "    if (status == PGRES_PIPELINE_SYNC && q->result) {\n        PQclear(res);\n        bool refused = "
                "PQresultStatus(q->result) == PGRES_FATAL_ERROR;\n",
                "    if (status == PGRES_PIPELINE_SYNC && (!q || !q->result)) {\n        PQclear(res);\n        return;\n    }\n"
                "    if (!q) {\n        PQclear(res);\n        return;\n    }\n"
                "    if (!q->prepares && !q->result && (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == "
                "PGRES_FATAL_ERROR)) {\n        q->result = res;\n        bool refused = status == PGRES_FATAL_ERROR;\n",
            ),
        ],
        "scenarios": ["tests/scenarios/test_12_guards.py::test_what_fails_at_its_commit_was_not_acknowledged"],
    },
    {
        "name": "the leader's term checked without the lock",
        "edits": [
            (
                "sequencer/schema/0004-leader.sql",
                "        UPDATE cellcast.shard SET batch = batch + 1, last_id = s_last_ids[i]\n        WHERE shard = s_shards[i] AND leader_term",
                "        PERFORM FROM cellcast.shard\n        WHERE shard = s_shards[i] AND leader_term",
            ),
            (
                "sequencer/schema/0004-leader.sql",
                "    RETURN (extract(epoch FROM v_now) * 1000)::bigint;\nEND $$;",
                "    UPDATE cellcast.shard s SET batch = s.batch + 1, last_id = n.last_id\n"
                "        FROM unnest(s_shards, s_last_ids) n(shard, last_id) WHERE s.shard = n.shard;\n"
                "    RETURN (extract(epoch FROM v_now) * 1000)::bigint;\nEND $$;",
            ),
        ],
        "scenarios": ["tests/scenarios/test_12_guards.py::test_a_batch_that_has_passed_its_check_holds_a_takeover_up_to_its_end"],
    },
    {
        "name": "batch n+1 lives when batch n failed",
        "edits": [
            ("sequencer/schema/0004-leader.sql", "leader_term = s_terms[i] AND batch = s_batches[i] AND epoch", "leader_term = s_terms[i] AND epoch"),
            (
                "sequencer/schema/0004-leader.sql",
                "        WHERE (h.epoch = excluded.epoch AND h.seq = excluded.prev) OR (h.epoch < excluded.epoch AND excluded.prev = 0);\n",
                "        ;\n",
            ),
        ],
        "scenarios": ["tests/scenarios/test_12_guards.py::test_a_batch_behind_one_that_failed_fails_too"],
    },
    {
        "name": "an LSN and progress confirmed before Kafka's acknowledgement",
        "edits": [
            (
                "sequencer/relay/mark.c",
                "    if (d)\n        return d->message->prev;\n    return m->parked",
                "    if (d && m->parked[shard] >> cell & 1)\n        return d->message->prev;\n    return m->parked",
            ),
            ("sequencer/relay/mark.c", "        if (mark_acknowledged(m, shard) < t->last[shard])\n", "        if (m->released[shard] < t->last[shard])\n"),
        ],
        "unit": "relay/mark",
        "scenarios": ["tests/scenarios/test_73_relay.py::test_a_relay_killed_while_kafka_is_away_sends_all_that_kafka_never_had"],
    },
    {
        "name": "no dedupe at the worker",
        "edits": [("fanout-worker/routes.c", "    else if (p->seq < ch->ring.next)\n        answer = ROUTES_REPEATED;\n", "")],
        "unit": "fanout-worker/routes",
    },
    {
        "name": "repeats keyed without the epoch at the worker",
        "edits": [
            (
                "fanout-worker/routes.c",
                "    if (p->epoch > ch->epoch)\n        channel_epoch(r, ch, p->epoch, p->seq - 1);\n    if (p->epoch < ch->epoch)\n        "
                "answer = ROUTES_STALE;\n    else if",
                "    if",
            ),
        ],
        "unit": "fanout-worker/routes",
    },
    {
        "name": "repeats keyed without the epoch at the gateway",
        "edits": [
            (
                "gateway/channel.c",
                "p->epoch < c->epoch || (p->epoch == c->epoch && p->seq <= c->head)",
                "p->seq <= c->head",
            ),
        ],
        "unit": "gateway/channel",
    },
    {
        "name": "a resume at a gateway that is behind answered from its own head",
        "edits": [("gateway/join.c", "        ask_head(s);\n        return WAITS;\n", "        return j->ticket ? (ask_head(s), WAITS) : UNRECOVERED;\n")],
        "unit": "gateway/process",
        "scenarios": ["tests/scenarios/test_30_recovery.py::test_a_position_that_is_ahead_of_the_gateway_is_asked_for_and_not_denied"],
    },
    {
        "name": "an outbox row read twice",
        "edits": [
            ("sequencer/schema/0004-leader.sql", "        IF v_count <> cardinality(p_outbox) THEN\n", "        IF false THEN\n"),
        ],
        "scenarios": ["tests/scenarios/test_10_schema.py::test_a_row_of_the_outbox_is_moved_once"],
    },
    {
        "name": "what publish() calls looked up in the caller's path",
        "edits": [
            (
                "sequencer/schema/0011-publish-one-statement.sql",
                "            FROM cellcast.plain_row(channel, data, idempotency_key) r\n",
                "            FROM cellcast.plain_row(channel, data, idempotency_key) r WHERE length(r.channel) > 0\n",
            ),
        ],
        "scenarios": ["tests/scenarios/test_10_schema.py::test_names_that_the_callers_path_holds_are_not_used"],
    },
    {
        "name": "a publication of an ephemeral namespace written by the one statement",
        "edits": [
            (
                "sequencer/schema/0011-publish-one-statement.sql",
                "    WHERE n.options->'ephemeral' IS DISTINCT FROM 'true' AND c.tenant",
                "    WHERE c.tenant",
            ),
        ],
        "scenarios": ["tests/scenarios/test_10_schema.py::test_publish_refuses"],
    },
    {
        "name": "an idempotency key per tenant instead of per channel",
        "edits": [
            (
                "sequencer/schema/0004-leader.sql",
                "            SELECT b.channel, b.key, p_epoch, b.seq, b.id, v_now\n",
                "            SELECT split_part(b.channel, '/', 1), b.key, p_epoch, b.seq, b.id, v_now\n",
            ),
            ("sequencer/lookups.c", "ON k.channel = w.channel AND", "ON k.channel = split_part(w.channel, '/', 1) AND"),
        ],
        "scenarios": ["tests/scenarios/test_20_publish.py::test_broadcast_and_batch"],
    },
    {
        "name": "what is sent again after a takeover not looked up",
        "edits": [("sequencer/flow.c", "        .unsure = p->retry,\n", "        .unsure = false,\n")],
        "scenarios": ["tests/scenarios/test_71_sequencer_ha.py::test_stopped_at_any_step_of_a_batch_it_writes_nothing_more_and_answers_nothing_wrong"],
    },
    {
        "name": "the lead kept by who is cut off from PostgreSQL",
        "edits": [("sequencer/peers.c", "if (pulse_is_lost(&s->pulse, now_ns) && reach", "if (pulse_is_lost(&s->pulse, -now_ns) && reach")],
        "scenarios": ["tests/scenarios/test_71_sequencer_ha.py::test_a_standby_takes_over_within_the_aim"],
    },
    {
        "name": "the lead given up in a stall that everybody is in",
        "edits": [("sequencer/peers.c", "one->steady && one->heard_ns > since_ns)", "one->heard_ns > since_ns)")],
        "scenarios": ["tests/scenarios/test_71_sequencer_ha.py::test_a_database_that_answers_nobody_is_no_reason_to_take_over"],
    },
    {
        "name": "no hold",
        "edits": [("gateway/deliver.c", "if (f->after && !hold_allows(&s, f, &late))", "if (f->after && !f->n && !hold_allows(&s, f, &late))")],
        "scenarios": ["tests/scenarios/test_70_causal.py::test_an_answer_that_overtakes_its_question_waits_for_it"],
    },
    {
        "name": "no head sweep",
        "edits": [
            ("fanout-worker/routes.c", "    sweep(r);\n", "    if (r->now_ns < 0)\n        sweep(r);\n"),
            ("gateway/gateway_loop.c", "sweep_heads(l->g);", "(void)sweep_heads;"),
        ],
        "scenarios": ["tests/scenarios/test_73_relay.py::test_a_record_lost_at_the_tail_of_a_quiet_channel_is_found_by_the_sweep"],
    },
    {
        "name": "nobody takes a place whose gateway is dead",
        "edits": [("fanout-worker/presence.c", "    return !e->lease || !e->lease->linked || e->round < e->lease->keep_from;\n", "    return !e->lease;\n")],
        "unit": "fanout-worker/presence",
    },
    {
        "name": "joins and leaves without a bound",
        "edits": [("fanout-worker/pushes.c", "    if (paid_ns - now_ns > BURST_NS) {\n", "    if (paid_ns < now_ns) {\n")],
        "unit": "fanout-worker/pushes",
    },
    {
        "name": "a query under way does not do for who asks the same of what is settled",
        "edits": [("fanout-worker/history.c", "    if (like && (!like->in_flight || ask->settled)) {\n", "    if (like && !like->in_flight) {\n")],
        "unit": "fanout-worker/history",
    },
    {
        "name": "what a tenant that comes back had here is taken for the newest",
        "edits": [("fanout-worker/flow.c", "    routes_tenant_came(routes_now(w), tenant);\n", "    (void)w;\n")],
        "scenarios": ["tests/scenarios/test_93_cells.py::test_a_tenant_moves_while_it_is_served_and_nobody_loses_or_repeats"],
    },
    {
        "name": "clients of a tenant that is not here any more stay",
        "edits": [("gateway/departure.c", "    return !tenant->here ? FATE_STRANDED : tenant->leaves", "    return tenant->leaves")],
        "unit": "gateway/departure",
    },
    {
        "name": "a proof without the name of whose it is",
        "edits": [("common/run/handshake.c", "    buf_append_str(into, who);\n", "")],
        "unit": "run/handshake",
    },
    {
        "name": "presence of those cells that answered is taken for everybody's",
        "edits": [("gateway/gathering.c", "        if (!p->came || p->answer.code)\n            return p->came", "        if (p->answer.code)\n            return p->came")],
        "unit": "gateway/gathering",
    },
    {
        "name": "a cell that nobody reaches is not missed",
        "edits": [("supervisor/control.c", "&call->partial, &cell);\n        call->asked++;\n        call->missing++;\n",
                   "&call->partial, &cell);\n        call->asked += sent;\n        call->missing += sent;\n")],
        "unit": "supervisor/crossing",
    },
    {
        "name": "a cell that was started anew is taken for what it was",
        "edits": [("fanout-worker/abroad.c", "    bool again = cell->start > 0;\n", "    bool again = false;\n")],
        "unit": "fanout-worker/abroad",
    },
    {
        "name": "what a cell that does not read is told has no bound",
        "edits": [("sequencer/crossing.c", "    if (!other || link_pending(other->wire) + body.n > CROSSING_UNREAD_MAX) {\n", "    if (!other) {\n")],
        "unit": "sequencer/crossing",
    },
    {
        "name": "a cell speaks in the name of another one",
        "edits": [("sequencer/crossing.c", " || !bytes_is(sender, from->cell))\n", ")\n")],
        "unit": "sequencer/crossing",
        "name": "a channel is vacated without lingering",
        "edits": [("fanout-worker/occupancy.c", "o->now_ns - s->gone_ns >= w->linger_ns", "o->now_ns >= s->gone_ns")],
        "unit": "fanout-worker/occupancy",
    },
    {
        "name": "what may not have been told to PostgreSQL is not said again",
        "edits": [("fanout-worker/occupancy.c", "        s->told = !s->held;\n", "        s->told = s->says;\n")],
        "unit": "fanout-worker/occupancy",
    },
    {
        "name": "endpoints that fail have all places",
        "edits": [("webhooks/endpoint.c", "!endpoint_fails(ep) || e->busy_failing < e->places / 2", "true")],
        "unit": "webhooks/endpoint",
    },
    {
        "name": "a channel is occupied anew by every cell",
        "edits": [("sequencer/schema/0028-webhooks.sql", "cardinality(h.cells) = 1 AS changed", "true AS changed")],
        "scenarios": ["tests/scenarios/test_13_webhook_rows.py::test_a_channel_of_two_cells_is_occupied_from_the_first_to_the_last"],
    },
    {
        "name": "a gateway's clients are not told again to a worker that is new",
        "edits": [("gateway/fan_link.c", "    }\n    tell_clients(f, p);\n", "    }\n")],
        "scenarios": ["tests/scenarios/test_37_webhooks.py::test_a_killed_worker_invents_nothing_and_misses_nothing"],
    },
]
