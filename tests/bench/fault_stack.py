"""A stack whose processes reach PostgreSQL, Kafka and the sequencer each through a link of its own (proxy.py)."""

from proxy import Proxies
from stack import BUILD, Stack

# link: whose port of the stack it leads to
LINKS = {
    "sequencer-postgres": "pg_port",
    "relay-postgres": "pg_port",
    "worker-postgres": "pg_port",
    "supervisor-postgres": "pg_port",
    "relay-kafka": "kafka_relay_port",
    "worker-kafka": "kafka_worker_port",
    "supervisor-kafka": "kafka_port",
    "gateway-sequencer": "sequencer_port",
}


class FaultStack(Stack):
    """The broker tells its clients where to connect, so a client's link is only on its way if the broker has a listener that
    says so: one more for the relay, and one for the workers. A second sequencer shares the first one's link to PostgreSQL, and
    gateways reach it directly."""

    def __init__(self, gateway_options=(), worker_options=(), sequencer_options=(), **options):
        super().__init__(**options)
        self.gateway_options, self.worker_options, self.sequencer_options = gateway_options, worker_options, sequencer_options
        self.kafka_relay_port, self.kafka_worker_port = self.slot_base + 20, self.slot_base + 21
        self.proxies = Proxies()
        for name, port in LINKS.items():
            self.proxies.add(name, ["127.0.0.1", getattr(self, port)])
        ports = self.proxies.ports
        controller = self.kafka_port + 1
        (self.home / "kafka.properties").write_text(
            f"listeners=PLAINTEXT://127.0.0.1:{self.kafka_port},RELAY://127.0.0.1:{self.kafka_relay_port},"
            f"WORKER://127.0.0.1:{self.kafka_worker_port},CONTROLLER://127.0.0.1:{controller}\n"
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.kafka_port},RELAY://127.0.0.1:{ports['relay-kafka']},"
            f"WORKER://127.0.0.1:{ports['worker-kafka']}\n"
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,RELAY:PLAINTEXT,WORKER:PLAINTEXT,CONTROLLER:PLAINTEXT\n")
        self.environment = {"KAFKA_PROPERTIES": str(self.home / "kafka.properties")}

    def over(self, link):
        return f"127.0.0.1:{self.proxies.ports[link]}"

    def postgres_over(self, link):
        return f"postgresql://cellcast@{self.over(link)}/cellcast"

    def start_sequencer(self, *more, number=1):
        super().start_sequencer(*self.sequencer_options, *more, number=number, postgres=self.postgres_over("sequencer-postgres"))

    def start_relay(self, *more):
        self.keep("relay", BUILD / "sequencer/relay/cellcast-relay", f"--postgres={self.postgres_over('relay-postgres')}",
                  f"--kafka={self.over('relay-kafka')}", f"--admin=127.0.0.1:{self.relay_admin}", *more)

    def start_cell(self, *more):
        sequencers = [self.over("gateway-sequencer"), *self.sequencer_addresses().split(",")[1:]]
        self.keep("cell", BUILD / "supervisor/cellcast-supervisor", f"--cell={self.cell}", f"--gateways={self.gateways}",
                  f"--workers={self.workers}", f"--listen=127.0.0.1:{self.port}", f"--admin=127.0.0.1:{self.admin_port}",
                  f"--slot-port-base={self.slot_base}", f"--run-dir={self.run}",
                  f"--postgres={self.postgres_over('supervisor-postgres')}", f"--kafka={self.over('supervisor-kafka')}",
                  f"--sequencer={','.join(sequencers)}",
                  f"--worker-option=postgres={self.postgres_over('worker-postgres')}",
                  f"--worker-option=kafka={self.over('worker-kafka')}",
                  *(f"--gateway-option={o}" for o in self.gateway_options), *(f"--worker-option={o}" for o in self.worker_options), *more)

    def stop(self):
        try:
            super().stop()
        finally:
            self.proxies.close()
