"""TLS on the cell's public port: sessions that outlive gateways, certificates that change under way, and that writing is the
same as without."""

import json
import re
import shutil
import socket
import ssl
import subprocess
import time

import pytest

from certificate import make_pair
from compare import generate
from idle import UPGRADE, frame, read_frame, read_head
from stack import BUILD, KEY, wait_until
from test_77_returning import total


def install(folder, name, cert=True, key=True):
    """As certbot does: a new file takes the old one's place."""
    for wanted, suffix in ((cert, "pem"), (key, "key")):
        if wanted:
            shutil.copy(folder / f"{name}.{suffix}", folder / f"fresh.{suffix}")
            (folder / f"fresh.{suffix}").rename(folder / f"live.{suffix}")


def begin(stack, *options):
    stack.end("cell")
    stack.start_cell(*options)
    stack.wait_ready()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tls")
    for name in ("first", "second"):
        make_pair(path, name)
    return path


@pytest.fixture(scope="module")
def secure(stack, folder):
    install(folder, "first")
    try:
        begin(stack, f"--tls-cert={folder}/live.pem", f"--tls-key={folder}/live.key")
        yield stack
    finally:
        begin(stack)


def context(version=None):
    c = ssl.create_default_context()
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    c.set_alpn_protocols(["h2", "http/1.1"])
    if version:
        c.minimum_version = c.maximum_version = version
    return c


def handshake(stack, how=None, session=None):
    sock = socket.create_connection(("127.0.0.1", stack.port), timeout=30)
    return (how or context()).wrap_socket(sock, server_hostname="localhost", session=session)


def say(sock, *commands):
    sock.sendall(frame("\n".join(map(json.dumps, commands)).encode()))


def enter(stack, channel, how=None, session=None):
    """A WebSocket that is subscribed."""
    sock = handshake(stack, how, session)
    sock.sendall(UPGRADE)
    read_head(sock)
    say(sock, {"id": 1, "connect": {}}, {"id": 2, "subscribe": {"channel": channel}})
    text = b""
    while b'"id":2' not in text:
        text += read_frame(sock)[1]
    assert b'"error"' not in text, text
    return sock


def hears(stack, sock, channel, data):
    with stack.sql() as sql:
        sql.execute("select cellcast.publish(%s, %s::json)", (channel, json.dumps(data)))
    while json.dumps(data).encode() not in read_frame(sock)[1]:
        pass


def test_a_client_speaks_http_1_1_over_tls(secure, channel):
    sock = enter(secure, channel)
    assert sock.selected_alpn_protocol() == "http/1.1"
    hears(secure, sock, channel, "over TLS")
    sock.close()


def test_plain_http_is_told_that_the_port_speaks_tls(secure):
    for request in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", UPGRADE):
        with socket.create_connection(("127.0.0.1", secure.port), timeout=30) as sock:
            sock.sendall(request)
            answer = sock.recv(4096)
            assert answer.startswith(b"HTTP/1.1 400 "), answer
            while b"wss://" not in answer:
                part = sock.recv(4096)
                assert part, answer
                answer += part


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_a_session_goes_on_at_a_gateway_that_never_saw_it(secure, channel, version):
    how = context(version)
    sock = enter(secure, channel, how)
    assert not sock.session_reused
    session = sock.session
    for gateway in ("gateway-1", "gateway-2", "gateway-3"):
        old = secure.pid(gateway)
        secure.kill(gateway)
        secure.wait_back(gateway, old)
    secure.wait_ready()
    sock.close()
    sock = enter(secure, channel, how, session)
    assert sock.session_reused
    wait_until(lambda: total(secure, "gateway_tls_resumed_total") >= 1, 10, "it is counted as resumed")
    hears(secure, sock, channel, "resumed")
    sock.close()


def test_clients_that_a_killed_gateway_drops_come_back_with_their_sessions(secure, channel):
    """And the generator, which storms are made with, speaks TLS."""
    victim = secure.pid("gateway-2")

    def kill():
        time.sleep(1)
        secure.kill("gateway-2")
    report = generate(kill, server=f"127.0.0.1:{secure.port}", api=secure.http(gateway=1), api_key=KEY, channel=f"quiet:{channel}-", tls="true",
                      connections=150, channels=15, messages=300, rate=100, may_lose="true", linger="30s")
    assert report["ok"], report
    lost = report["connections"]["lost"]
    assert 0 < lost <= report["tls"]["resumed"] < report["tls"]["handshakes"]
    secure.wait_back("gateway-2", victim)
    secure.wait_ready()


def certificate(stack):
    with handshake(stack) as sock:
        return ssl.DER_cert_to_PEM_cert(sock.getpeercert(True))


def test_a_changed_certificate_is_for_new_handshakes_and_a_broken_one_for_nobody(secure, folder, channel):
    first, second = ((folder / f"{name}.pem").read_text() for name in ("first", "second"))
    before = enter(secure, channel)
    assert certificate(secure) == first
    install(folder, "second", key=False)
    wait_until(lambda: total(secure, "supervisor_tls_stale") == 1, 10, "the pair does not fit")
    assert certificate(secure) == first
    old = secure.pid("gateway-1")
    secure.kill("gateway-1")  # one that starts meanwhile has the old pair
    secure.wait_back("gateway-1", old)
    secure.wait_ready()
    assert {certificate(secure) for _ in range(6)} == {first}
    install(folder, "second", cert=False)
    wait_until(lambda: certificate(secure) == second, 10, "the new certificate is used")
    wait_until(lambda: total(secure, "supervisor_tls_stale") == 0, 10, "the pair fits")
    late = enter(secure, channel)
    hears(secure, late, channel, "to the new one")
    for sock in (before, late):
        sock.close()
    install(folder, "first")


def test_a_slow_reader_gets_everything_in_order(secure, channel):
    n, each = 300, 10000  # far more than socket and rings hold
    sock = enter(secure, channel)
    with secure.sql(autocommit=True) as sql:
        for _ in range(n // 10):
            sql.execute("select cellcast.publish(%s, %s::json) from generate_series(1, 10)", (channel, json.dumps("x" * each)))
    wait_until(lambda: total(secure, "gateway_slow_connections") >= 1, 30, "it is slow")
    offsets = []
    while not offsets or offsets[-1] < n:
        payload = read_frame(sock)[1]
        assert payload.count(b"x") % each == 0
        offsets += [int(offset) for offset in re.findall(rb'"offset":(\d+)', payload)]
    assert offsets == list(range(1, n + 1))
    sock.close()


def test_what_one_record_brings_beyond_a_read_is_read(secure, channel):
    sock = enter(secure, channel)
    data = [str(i) * 60 for i in range(10)]
    sock.sendall(b"".join(frame(json.dumps({"id": 10 + i, "publish": {"channel": channel, "data": d}}).encode())
                          for i, d in enumerate(data)))
    large = "y" * 30000
    say(sock, {"id": 30, "publish": {"channel": channel, "data": large}})
    text = b""
    while b'"id":30' not in text or large.encode() not in text:
        text += read_frame(sock)[1]
    assert all(b'"id":%d' % (10 + i) in text and d.encode() in text for i, d in enumerate(data))
    sock.close()


def test_a_silent_client_is_cut_by_its_deadline(secure):
    sock = socket.create_connection(("127.0.0.1", secure.port), timeout=30)
    sock.sendall(b"\x16\x03\x01")  # the beginning of a handshake, and no more
    start = time.monotonic()
    with pytest.raises(ConnectionResetError):
        if sock.recv(1) == b"":
            raise ConnectionResetError
    assert time.monotonic() - start < 25


@pytest.mark.parametrize("cert, key, why", [("first.pem", "second.key", "the key is not that of the first certificate"),
                                            ("first.key", "first.key", "no certificate in PEM"),
                                            ("first.pem", "first.pem", "no key in PEM"),
                                            ("first.pem", "none", "none: No such file or directory"),
                                            ("first.pem", "", "--tls-cert and --tls-key go together")])
def test_files_that_are_no_pair_stop_the_start(folder, tmp_path, cert, key, why):
    done = subprocess.run([BUILD / "supervisor/cellcast-supervisor", f"--run-dir={tmp_path}", "--listen=127.0.0.1:0",
                           "--admin=127.0.0.1:0", f"--tls-cert={folder / cert}", f"--tls-key={folder / key if key else ''}"],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode != 0, done
    assert why in done.stdout + done.stderr


def read_until(sock, what):
    text = b""
    while what not in text:
        part = sock.recv(65536)
        assert part, text
        text += part


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_a_stream_is_told_what_is_published_and_ends_with_its_client(secure, channel, version):
    commands = json.dumps({"id": 1, "connect": {}}) + "\n" + json.dumps({"id": 2, "subscribe": {"channel": channel}})
    sock = handshake(secure, context(version))
    sock.sendall(b"POST /connection/http_stream HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(commands), commands.encode()))
    read_until(sock, b'"id":2')
    time.sleep(0.5)  # nothing that TLS says by itself ends it
    with secure.sql() as sql:
        sql.execute("select cellcast.publish(%s, '\"told\"')", (channel,))
    read_until(sock, b'"told"')
    sock.close()
    wait_until(lambda: not total(secure, "gateway_http_stream_connections"), 10, "it has ended")
