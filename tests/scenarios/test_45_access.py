"""A Kafka and a PostgreSQL that want TLS and a password, as those of a provider do; an account that may do no more at the brokers than it has to."""

import os
import re

import pytest
import requests
from confluent_kafka.admin import AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient, ResourcePatternType, ResourceType

from certificate import make_pair
from sdk import Person
from stack import BUILD, CONFIGURATION, Stack, wait_until

BROKER = """
listeners=SASL_SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=SASL_SSL://127.0.0.1:{port}
listener.security.protocol.map=SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=SASL_SSL
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
  username="admin" password="admin-secret" user_admin="admin-secret" user_cellcast="its-secret";
ssl.keystore.type=PEM
ssl.keystore.location={pem}
ssl.truststore.type=PEM
ssl.truststore.location={certificate}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:ANONYMOUS
"""
ACCESS = """# of the account that relay, workers and gateways share
security.protocol=SASL_SSL
sasl.mechanism=PLAIN
sasl.username=cellcast
sasl.password={password}
ssl.ca.location={certificate}
"""


def speak_tls(stack):
    """PostgreSQL, to those who want it; from now on the stack does."""
    data = next(stack.home.glob("postgres/**/PG_VERSION")).parent
    for name, source in (("server.crt", stack.certificate), ("server.key", stack.certificate.with_suffix(".key"))):
        copy = data / name
        copy.write_text(source.read_text())
        copy.chmod(0o600)
        os.chown(copy, data.stat().st_uid, data.stat().st_gid)
    with stack.sql(autocommit=True) as db:
        db.execute("alter system set ssl = on")
        db.execute("select pg_reload_conf()")
    stack.pg += f"?sslmode=verify-full&sslrootcert={stack.certificate}"
    wait_until(stack.sql, what="PostgreSQL speaks TLS")


def admin(stack):
    return AdminClient({"bootstrap.servers": stack.kafka, "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "admin",
                        "sasl.password": "admin-secret", "ssl.ca.location": str(stack.certificate)})


def allow(stack):
    """What deploy/README.md says that the account needs."""
    client = admin(stack)
    for operation in (AclOperation.CREATE, AclOperation.DESCRIBE, AclOperation.WRITE, AclOperation.READ):
        acl = AclBinding(ResourceType.TOPIC, "cellcast.", ResourcePatternType.PREFIXED, "User:cellcast", "*", operation, AclPermissionType.ALLOW)
        for done in client.create_acls([acl]).values():
            done.result(20)


def access(stack, password):
    file = stack.home / f"kafka-{password}.conf"
    file.write_text(ACCESS.format(password=password, certificate=stack.certificate))
    return f"--kafka-config={file}"


@pytest.fixture(scope="module")
def guarded():
    s = Stack(gateways=2, workers=1)
    try:
        make_pair(s.home, "broker", "IP:127.0.0.1")
        certificate, pem = s.home / "broker.pem", s.home / "broker-with-key.pem"
        pem.write_text((s.home / "broker.key").read_text() + certificate.read_text())
        (s.home / "broker.properties").write_text(BROKER.format(port=s.kafka_port, controller=s.kafka_port + 1, pem=pem, certificate=certificate))
        s.environment = {"KAFKA_PROPERTIES": str(s.home / "broker.properties")}
        s.certificate = certificate
        s.start_postgres()
        speak_tls(s)
        s.start_kafka()
        allow(s)
        s.migrate()
        s.configure(CONFIGURATION)
        s.start_sequencer()
        s.start_relay(access(s, "its-secret"))
        s.start_cell(access(s, "its-secret"))
        s.wait_ready()
        yield s
    finally:
        s.stop()


async def publications(stack, channel, publish, n):
    """What subscribers of both gateways get of it."""
    people = [await Person(stack.ws(gateway)).connect() for gateway in (1, 2)]
    try:
        recorders = [await person.subscribe(channel) for person in people]
        publish()
        for recorder in recorders:
            await recorder.wait_for(n)
        assert recorders[0].publications == recorders[1].publications
        return recorders[0].publications
    finally:
        for person in people:
            await person.close()


def test_nobody_reaches_the_database_without_tls(guarded):
    with guarded.sql() as db:
        encrypted = dict(db.execute("select application_name, bool_and(ssl) from pg_stat_activity join pg_stat_ssl using (pid) where client_addr is not null group by 1").fetchall())
    assert len(encrypted) >= 4 and all(encrypted.values()), encrypted


async def test_messages_go_the_whole_way(guarded, channel):
    def publish():
        with guarded.sql() as db:
            db.execute("select cellcast.publish(%s, '1')", [f"default/{channel}"])
        wait_until(lambda: len(guarded.rows(f"default/{channel}")) == 1, what="the row is committed")
        guarded.publish(channel, 2)

    assert await publications(guarded, channel, publish, 2) == [1, 2]


async def test_what_is_ephemeral_goes_by_the_gateways(guarded, channel):
    assert await publications(guarded, f"typing:{channel}", lambda: guarded.publish(f"typing:{channel}", {"a": 1}), 1) == [{"a": 1}]


async def test_a_broker_that_was_away_is_found_again(guarded, channel):
    guarded.kill_kafka()
    guarded.publish(channel, "meanwhile")
    guarded.start_kafka()
    guarded.wait_ready()
    assert await publications(guarded, channel, lambda: guarded.publish(channel, "after"), 1) == ["after"]


def test_a_wrong_password_is_told_and_nothing_is_lost(guarded, channel):
    guarded.end("relay")
    guarded.start_relay(access(guarded, "another"))
    guarded.publish(channel, "kept")
    log = guarded.log / "relay.log"
    wait_until(lambda: "Authentication failed: Invalid username or password" in log.read_text(), what="the log tells of the password")
    assert requests.get(f"http://127.0.0.1:{guarded.relay_admin}/metrics", timeout=5).status_code == 200
    before = guarded.metric("worker_records_total")
    guarded.end("relay")
    guarded.start_relay(access(guarded, "its-secret"))
    wait_until(lambda: guarded.metric("worker_records_total") > before, what="what waited has gone to the workers")


async def test_a_topic_that_is_there_needs_no_right_to_make_one(guarded, channel):
    may = AclBindingFilter(ResourceType.TOPIC, "cellcast.", ResourcePatternType.PREFIXED, "User:cellcast", "*", AclOperation.CREATE, AclPermissionType.ALLOW)
    client = admin(guarded)
    for done in client.delete_acls([may]).values():
        assert len(done.result(20)) == 1
    log = guarded.log / "relay.log"
    before = log.read_text().count("event=topic_there")
    guarded.end("relay")
    guarded.start_relay(access(guarded, "its-secret"))
    wait_until(lambda: log.read_text().count("event=topic_there") > before, what="the relay has its topic")
    assert await publications(guarded, channel, lambda: guarded.publish(channel, "still"), 1) == ["still"]
    guarded.tool(BUILD / "supervisor/cellcastctl", f"--postgres={guarded.pg}", "cell", "add", "nobodys")
    wait_until(lambda: re.search(r"topic_not_made.*topic=cellcast\.nobodys: .*[Aa]uthorization failed", log.read_text()), what="the log tells of the topic that is not there")


def test_what_the_file_may_not_say_is_told_at_the_start(guarded):
    file = guarded.home / "bad.conf"
    file.write_text("security.protocol=SASL_SSL\nacks=0\n")
    for program, *flags in (("sequencer/relay/cellcast-relay",), ("fanout-worker/cellcast-fanout-worker", "--standalone-map=1"), ("gateway/cellcast-gateway", "--log-level=error")):
        done = guarded.tool(BUILD / program, f"--kafka-config={file}", *flags, check=False)
        assert done.returncode and re.search(r"--kafka-config=\S+bad\.conf, line 2: only security\.protocol", done.stdout + done.stderr), (program, done)
