"""The deployment files say what they are meant to say, and every link of the documents leads somewhere."""

import fcntl
import functools
import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CELLCAST_BUILD", REPO / "build"))


def run(*words, **how):
    return subprocess.run([str(w) for w in words], capture_output=True, text=True, cwd=REPO, timeout=60, **how)


def test_the_compose_file_is_valid_and_its_flags_scale_the_cell():
    done = run("docker-compose", "-f", "deploy/docker-compose.yml", "config", env={**os.environ, "CELL_GATEWAYS": "7", "CELL_WORKERS": "4"})
    assert done.returncode == 0, done.stderr
    assert "--gateways=7" in done.stdout and "--workers=4" in done.stdout


def test_the_compose_file_takes_a_second_cell():
    done = run("docker-compose", "-f", "deploy/docker-compose.yml", "-f", "deploy/docker-compose.two-cells.yml", "config")
    assert done.returncode == 0, done.stderr
    assert "--cell=a" in done.stdout and "--cell=b" in done.stdout and "cellcast-configure b" in done.stdout
    assert "prometheus/cell-b.yml:/etc/cells/cell-b.yml:ro" in done.stdout and "/etc/cells/*.yml" in (REPO / "deploy/prometheus/prometheus.yml").read_text()


@functools.cache
def compose(**env):
    done = run("docker-compose", "-f", "deploy/docker-compose.yml", "-f", "deploy/docker-compose.two-cells.yml", "config", env={**os.environ, **env})
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)["services"]


def test_an_up_puts_the_demo_in_place_only_where_there_is_no_configuration():
    assert compose()["migrate"]["environment"]["CONFIGURATION"] == ""  # tests/scenarios/test_10_configure.py has what becomes of it
    assert compose(CELLCAST_CONFIGURATION="/mine.json")["migrate"]["environment"]["CONFIGURATION"] == "/mine.json"
    for name in ("docker-compose.yml", "docker-compose.two-cells.yml"):
        assert "cellcastctl apply" not in (REPO / "deploy" / name).read_text(), name


def test_a_password_may_have_spaces_and_quotes():
    for name, service in compose(POSTGRES_PASSWORD="my secret's").items():
        environment = service.get("environment") or {}
        if "CELLCAST_POSTGRES" in environment:
            assert "password" not in environment["CELLCAST_POSTGRES"] and environment["PGPASSWORD"] == "my secret's", name


def test_nothing_but_the_clients_port_is_published_beyond_this_host():
    for name, service in compose().items():
        for port in service.get("ports", []):
            assert name == "haproxy" or str(port).startswith("127.0.0.1:"), (name, port)
    assert compose(POSTGRES_BIND="0.0.0.0")["postgres"]["ports"] == ["0.0.0.0:5432:5432/tcp"]


def test_the_balancers_socket_lies_where_the_user_of_its_image_may_make_it():
    """docker.io/haproxy runs as user haproxy since 2.4. /var/lib/haproxy is his in the image, and a new volume there takes that over."""
    for name in ("haproxy", "follow"):
        service = compose()[name]
        assert service["environment"]["CELLCAST_ADMIN_SOCKET"].startswith("/var/lib/haproxy/"), name
        assert any(volume.split(":")[:2] == ["haproxy", "/var/lib/haproxy"] for volume in service["volumes"]), name
    assert "USER haproxy" in (REPO / "tests/docker/haproxy/Dockerfile").read_text()


@pytest.mark.parametrize("more", [{}, {"CELLCAST_CELL_2": "cell-b:8000"}])
def test_the_balancer_configuration_is_valid(more):
    done = run(shutil.which("haproxy") or "/usr/sbin/haproxy", "-c", "-f", "deploy/haproxy/haproxy.cfg", env={**os.environ, **more})
    assert done.returncode == 0, done.stderr


UNITS = sorted(p.name for p in (REPO / "deploy/systemd").glob("*.service"))


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_of_systemd_starts_a_program_with_options_that_it_has(unit):
    text = (REPO / "deploy/systemd" / unit).read_text()
    path, *flags = re.search(r"^ExecStart=(.*)$", text, re.M)[1].replace("%i", "a").split()
    program = next(BUILD.glob(f"*/{Path(path).name}"), None) or next(BUILD.glob(f"*/*/{Path(path).name}"))
    settings = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', (REPO / "deploy/systemd/cellcast.env").read_text(), re.M))
    done = run(program, *flags, "--print-config", env={**settings, "PATH": os.environ["PATH"]})
    assert done.returncode == 0 and json.loads(done.stdout)["postgres"] == settings["CELLCAST_POSTGRES"], done.stderr
    assert "Restart=always" in text and "KillMode=mixed" in text and "LimitNOFILE=" in text


def test_systemd_understands_the_units(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed here")
    for unit in UNITS:
        text = re.sub(r"(ExecStart=)\S+", r"\1/bin/true", (REPO / "deploy/systemd" / unit).read_text())
        (tmp_path / unit.replace("@", "@a")).write_text(text)
    done = run("systemd-analyze", "verify", "--man=no", *tmp_path.iterdir())
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_a_cell_that_is_added_is_treated_as_the_first_one():
    written = re.search(r"default-server (.*) resolvers", (REPO / "deploy/haproxy/haproxy.cfg").read_text())[1]
    assert f'SERVER = "{written}"' in (REPO / "deploy/haproxy/cells").read_text()


def test_without_a_balancer_its_cells_are_an_error_that_says_what_is_missing(tmp_path):
    done = run("deploy/haproxy/cells", "show", env={**os.environ, "CELLCAST_ADMIN_SOCKET": str(tmp_path / "none.sock")})
    assert done.returncode == 1 and "CELLCAST_ADMIN_SOCKET" in done.stderr and str(tmp_path) in done.stderr and "Traceback" not in done.stderr


def test_the_broker_does_not_speak_the_users_language(tmp_path):
    """In Turkish Java makes dotless letters small."""
    (tmp_path / "java").write_text('#!/bin/sh\n[ "$1" = -version ] || { echo "java: $LC_ALL" >&2; exit 1; }\n')
    (tmp_path / "java").chmod(0o755)
    done = run("deploy/kafka/start", 11979, tmp_path / "data", env={**os.environ, "LC_ALL": "tr_TR.UTF-8", "JAVA": str(tmp_path / "java"), "KAFKA_LIBS": str(tmp_path)})
    assert done.returncode != 0 and "java: C.UTF-8" in done.stdout + done.stderr and "java: tr_TR" not in done.stdout + done.stderr


def test_the_prometheus_configuration_is_valid():
    done = run("promtool", "check", "config", "deploy/prometheus/prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_alarms_ring_when_they_should():
    done = run("promtool", "test", "rules", "tests/deploy/alerts_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_scripts_are_well_formed():
    for script in ("deploy/local", "deploy/packages", "deploy/keep", "deploy/test-clients", "deploy/kafka/get", "deploy/kafka/start",
                   "deploy/kafka/stop", "deploy/postgres/server", "deploy/configure", "tests/run", "tests/fuzz/run", ".ci/run"):
        done = run("bash", "-n", script)
        assert done.returncode == 0 and os.access(REPO / script, os.X_OK), (script, done.stderr)


def until(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def is_locked(path):
    with open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_daemon_holds_no_lock_of_whoever_started_it(tmp_path):
    """`flock FILE deploy/local up` gives the file back when it ends."""
    lock = tmp_path / "lock"
    with open(lock, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        kept = subprocess.Popen([REPO / "deploy/keep", "sleeper", tmp_path, "sleep", "60"], pass_fds=[held.fileno()], stderr=subprocess.DEVNULL)
    try:
        until(lambda: (tmp_path / "sleeper.pid").exists() and (tmp_path / "sleeper.pid").read_text())
        pid = (tmp_path / "sleeper.pid").read_text().strip()
        until(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n")
        assert sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2"]
        assert not is_locked(lock)
    finally:
        kept.terminate()
        assert kept.wait(20) == 0


def test_each_of_nine_cells_on_this_machine_has_ports_of_its_own():
    functions = "\n".join(re.findall(r"^cell_(?:port|slots)\(\) .*$", (REPO / "deploy/local").read_text(), re.M))
    each = 'for n in {0..8}; do cell_port $n 0; cell_port $n 1; for i in {1..9}; do echo $(($(cell_slots $n) + i)); done; done'
    ports = run("bash", "-euc", f"port=8000 slots=8100\n{functions}\n{each}").stdout.split() + [str(port) for port in range(8002, 8011)]
    assert len(ports) == 9 * 11 + 9 and len(set(ports)) == len(ports)


@pytest.mark.parametrize("offset, cells, whose", [(0, 1, "cell"), (7, 1, "kafka"), (102, 1, "cell"), (203, 2, "cell-b")])
def test_a_port_that_is_taken_is_said_before_anything_is_started(tmp_path, offset, cells, whose):
    port = 18000 + os.getpid() % 400 * 10
    (tmp_path / "cells").write_text(str(cells))
    names = {n: v for n, v in os.environ.items() if not n.startswith("CELLCAST_")}
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port + offset))
        other.listen()
        done = run("deploy/local", "up", env={**names, "CELLCAST_HOME": str(tmp_path), "CELLCAST_PORT": str(port), "CELLCAST_BUILD": str(tmp_path / "build")})
    assert done.returncode == 1 and f"port {port + offset} of {whose} is in use by another process" in done.stderr, done.stderr
    assert not (tmp_path / "build").exists()


def test_every_flag_of_the_deployment_exists():
    text = (REPO / "deploy/local").read_text() + (REPO / "deploy/docker-compose.yml").read_text()
    programs = {"cellcast-sequencer": "sequencer", "cellcast-relay": "sequencer/relay", "cellcast-supervisor": "supervisor", "cellcastctl": "supervisor",
                "cellcast-webhooks": "webhooks"}
    helps = "".join(run(BUILD / folder / name, "--help").stdout for name, folder in programs.items())
    for flag in set(re.findall(r"(?<=\s)--[a-z-]+(?==)", text)) - {"--cells"}:  # of deploy/local itself
        assert flag in helps, flag


@pytest.mark.parametrize("page", sorted(str(p.relative_to(REPO)) for p in REPO.rglob("*.md")
                                        if not {"node_modules", ".venv"} & set(p.parts) and "build" not in p.parts[len(REPO.parts)]))
def test_links_of_the_documents_lead_somewhere(page):
    folder = (REPO / page).parent
    for target in re.findall(r"\]\(([^)#\s]+)", (REPO / page).read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (folder / target).exists(), f"{page}: {target}"


def test_the_local_configuration_has_the_channels_that_the_readme_publishes_to():
    tenant = json.loads((REPO / "deploy/local.json").read_text())["tenants"][0]
    channels = re.findall(r"cellcast\.publish\('([^']+)'", (REPO / "README.md").read_text())
    assert tenant["name"] == "default" and len(channels) == 2
    assert {c.partition(":")[0] if ":" in c else "" for c in channels} <= {n["name"] for n in tenant["namespaces"]}


def test_files_that_a_gateway_sets_aside_are_as_many_as_the_page_says():
    defaults = dict(re.findall(r'OPT\("(proxy-sockets|proxy-idle)", INT, \w+, "(\d+)"', (REPO / "gateway/options.def").read_text()))
    other = int(re.search(r"#define OTHER_FILES (\d+)", (REPO / "gateway/gateway_loop.c").read_text())[1])
    said = other + 2 * int(defaults["proxy-sockets"]) + int(defaults["proxy-idle"])
    assert f"or {said} less than the limit of open files" in (REPO / "deploy/capacity.md").read_text()


def test_short_turns_run_the_command_and_hand_on_how_it_ended():
    done = run("nice", "-n", "3", "deploy/turns", "bash", "-c", "nice; grep -s '^se.slice' /proc/self/sched; exit 7")
    nice, *slice_line = done.stdout.split("\n")
    assert (done.returncode, int(nice) >= 3, done.stderr) == (7, True, "")
    assert not slice_line[0] or slice_line[0].split()[-1] == "300000"
    assert "no-such-command" in run("deploy/turns", "no-such-command").stderr
