"""Write-behind's second half for bench_storage_path.py: reads the topic, writes the rows, then moves on; a row that the database
refuses is skipped, since nobody can be told any more. storage_writer.py '{"kafka":…,"topic":…,"postgres":…,"table":…}'"""

import json
import sys
import time

import confluent_kafka
import psycopg


def write(db, table, messages):
    for m in messages:
        id, channel = json.loads(m.value())["id"], m.key().decode()
        try:
            with db.transaction():  # a savepoint
                if db.execute(f"insert into {table} (id, data) values (%s, %s) on conflict do nothing returning 1", (id, m.value().decode())).fetchone():
                    db.execute(f"insert into {table}_head as h values (%s, 1) on conflict (channel) do update set seq = h.seq + 1", (channel,))
        except psycopg.errors.IntegrityError:
            pass
    db.commit()


def main(o):
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": o["kafka"], "group.id": "writer", "enable.auto.commit": False, "auto.offset.reset": "earliest",
        "session.timeout.ms": 6000, "reconnect.backoff.max.ms": 200, "log_level": 0})
    consumer.assign(consumer.committed([confluent_kafka.TopicPartition(o["topic"], p) for p in range(o["partitions"])], timeout=10))
    db, waiting = None, []
    while True:
        waiting = waiting or [m for m in consumer.consume(200, 0.05) if not m.error()]
        if not waiting:
            continue
        try:
            db = db if db and not db.closed else psycopg.connect(o["postgres"], connect_timeout=2)
            write(db, o["table"], waiting)
        except psycopg.OperationalError:
            if db:
                db.close()
            time.sleep(0.1)
            continue
        for at in {m.partition(): m for m in waiting}.values():
            try:
                consumer.commit(at, asynchronous=False)
            except confluent_kafka.KafkaException:
                pass  # read again after a restart; the row is there by then
        waiting = []


main(json.loads(sys.argv[1]))
