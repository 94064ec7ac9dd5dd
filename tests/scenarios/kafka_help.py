"""Kafka as an operator and a consumer see it: topics made, deleted, cut, and read from their beginning."""

import struct
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic


class Record:
    """One record of a cell's topic (common/wire/messages.h: record, publication)."""

    def __init__(self, message):
        value = message.value()
        self.channel, self.partition, self.offset = message.key().decode(), message.partition(), message.offset()
        self.kind = value[1]
        self.epoch, self.seq, self.id = struct.unpack_from("<QQQ", value, 6)


class Topics:
    def __init__(self, brokers):
        self.brokers = brokers
        self.admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0})

    def partitions(self, topic):
        """0: it is not there."""
        found = self.admin.list_topics(topic, timeout=5).topics[topic]
        return 0 if found.error else len(found.partitions)

    def delete(self, topic):
        self.admin.delete_topics([topic], operation_timeout=5)[topic].result(10)

    def make(self, topic, partitions):
        """-> False: it is there already"""
        try:
            self.admin.create_topics([NewTopic(topic, partitions, 1)], operation_timeout=5)[topic].result(10)
            return True
        except KafkaException:
            return False

    def make_wrong(self, topic):
        """In the place of the topic one that the relay does not accept, so that it can't make its own. A broker's list of
        partitions may be an old one; that ours was made is the controller's word."""
        end = time.monotonic() + 20
        while not self.make(topic, 1):
            assert time.monotonic() < end, f"{topic}: the relay is always first"
            try:
                self.delete(topic)
            except KafkaException:
                pass
        while self.partitions(topic) != 1:
            assert time.monotonic() < end, f"{topic}: made, not seen"
            time.sleep(0.01)

    def cut(self, topic, partition, before):
        """Deletes the records of the partition below an offset."""
        what = TopicPartition(topic, partition, before)
        [result] = self.admin.delete_records([what]).values()
        result.result(10)

    def read(self, topic, enough, seconds=20):
        """All records from the beginning, in the order of their partitions, until enough(records)."""
        reader = Consumer({"bootstrap.servers": self.brokers, "group.id": "test", "enable.auto.commit": False, "log_level": 0})
        try:
            reader.assign([TopicPartition(topic, n, 0) for n in range(self.partitions(topic))])
            records, end = [], time.monotonic() + seconds
            while not enough(records):
                assert time.monotonic() < end, f"{topic}: {len(records)} records in {seconds} s"
                records += [Record(m) for m in reader.consume(500, 0.1) if not m.error()]
            return records
        finally:
            reader.close()
