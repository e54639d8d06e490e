"""Three nodes of Daybook on loopback with all that they stand on, and the ways to break each."""

import os
import pwd
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

SECRET = "no secret of anybody's, 32 characters"
ORGANIZATIONS = [f"org-{number}" for number in range(8)]
# Seconds. Longer than the store is away, for who can't write its file can't say that it works on it.
LEASE = 10
TOOLS = Path(__file__).parents[2] / "target/readers/bin"


def free_port() -> int:
    """One whose neighbour 10,000 above is free, too: SeaweedFS takes both."""
    while True:
        port = random.randrange(20_000, 31_000)
        try:
            for number in (port, port + 10_000):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
            return port
        except OSError:
            continue


class Process:
    """A program that can be killed and started again with the same arguments."""

    all: list["Process"] = []

    def __init__(self, arguments: list[str], log: Path, environment: dict[str, str] | None = None, folder: Path | None = None):
        self.arguments, self.log, self.environment, self.folder = arguments, log, environment, folder
        self.lock, self.is_wanted, self.starts = threading.RLock(), True, 0
        self.start()
        Process.all.append(self)

    def start(self, **more: str) -> None:
        with self.lock, self.log.open("ab") as log:
            self.is_wanted = True
            self.starts += 1
            environment = {**(self.environment or os.environ), **more}
            self.child = subprocess.Popen(self.arguments, env=environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self) -> None:
        with self.lock:
            self.is_wanted = False
            self.child.kill()
            self.child.wait()

    def start_if_gone(self) -> None:
        with self.lock:
            if self.is_wanted and self.child.poll() is not None:
                self.start()

    def pause(self, seconds: float) -> None:
        self.child.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.child.send_signal(signal.SIGCONT)


def stop() -> None:
    """Ends whatever was started, however far that came."""
    for process in Process.all:
        process.kill()


class Cluster:
    """The first node runs the binary `old`, where there is one, and made the schema, which the others then migrated."""

    def __init__(self, binary: str, old: str | None, folder: Path, exports_per_hour: int) -> None:
        self.binary, self.old, self.folder, self.exports_per_hour = binary, old, folder, exports_per_hour
        self.proxies: list[Process] = []
        self.paused: Process | None = None
        self.nodes: list[Process] = []
        self.nats: list[Process] = []
        server = os.environ["DAYBOOK_TEST_POSTGRES_URL"]
        self.direct = server.rsplit("/", 1)[0] + "/faults"
        self.psql("CREATE DATABASE faults", server)
        self.start_nats()
        self.start_store()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DAYBOOK_TEST_")},
            "DAYBOOK_DATABASE_URL": self.direct,
            "DAYBOOK_DATA_DIR": str(folder),
            "DAYBOOK_SECRET": SECRET,
            "DAYBOOK_ARTIFACTS_URL": "s3://artifacts/faults",
            "AWS_ACCESS_KEY_ID": "faults",
            "AWS_SECRET_ACCESS_KEY": "no-secret-of-anybodys",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.store_ports[3]}",
            "DAYBOOK_NATS_URL": ",".join(f"nats://127.0.0.1:{port}" for port in self.nats_ports),
            "DAYBOOK_JOB_LEASE": f"{LEASE}s",
            "DAYBOOK_EXPORTS_PER_HOUR": str(exports_per_hour),
            "DAYBOOK_BACKUPS_PER_HOUR": "1000",
            "DAYBOOK_STREAM_HEARTBEAT": "2s",
            "DAYBOOK_LOG": "warn",
        }
        self.run("migrate", "up")
        self.tokens = {}
        for slug in ORGANIZATIONS:
            identifier = self.run("organization", "create", slug, "--name", slug)
            self.tokens[identifier] = self.run("token", "--organization", slug, "--role", "admin")
        self.addresses = [f"127.0.0.1:{free_port()}" for _ in range(3)]
        self.start_node(0, self.addresses[0], old or binary)
        self.await_node(self.addresses[0])
        for number, address in enumerate(self.addresses[1:], 1):
            self.start_node(number, address, binary)
        for address in self.addresses:
            self.await_node(address)
        self.is_old_refused = old is not None and self.is_refused(old)
        threading.Thread(target=self.supervise, daemon=True).start()

    def supervise(self) -> None:
        """Starts each node again that has ended by itself, as one does whose database fails it at its start."""
        while True:
            for node in self.nodes:
                node.start_if_gone()
            time.sleep(0.5)

    def run(self, *arguments: str) -> str:
        command = [self.old or self.binary, *arguments]
        return subprocess.run(command, env=self.environment, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def is_refused(self, binary: str) -> bool:
        """Whether the schema is newer than a binary knows: it is to go on with it, but not to start on it."""
        command = [binary, "migrate", "status"]
        status = subprocess.run(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if status.returncode != 0 and "is newer than this version" not in status.stderr:
            sys.exit(f"{binary} migrate status: {status.stderr}")
        return status.returncode != 0

    def psql(self, sql: str, url: str | None = None) -> str:
        command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql, url or self.direct]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def start_nats(self) -> None:
        self.nats_ports = [free_port() for _ in range(3)]
        routes = [free_port() for _ in range(3)]
        listed = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
        for number in range(3):
            configuration = self.folder / f"nats-{number}.conf"
            configuration.write_text(
                f'listen: "127.0.0.1:{self.nats_ports[number]}"\nserver_name: n{number}\n'
                f'cluster {{ name: faults, listen: "127.0.0.1:{routes[number]}", routes: [{listed}] }}\n'
            )
            self.nats.append(Process([str(TOOLS / "nats-server"), "-c", str(configuration)], self.folder / f"nats-{number}.log"))

    def start_store(self) -> None:
        self.store_ports = [free_port() for _ in range(4)]
        master, volume, filer, s3 = self.store_ports
        folder = self.folder / "store"
        (folder / "data").mkdir(parents=True)
        identity = '{"identities": [{"name": "faults", "actions": ["Admin"], "credentials": [{"accessKey": "faults", "secretKey": "no-secret-of-anybodys"}]}]}'
        (folder / "s3.json").write_text(identity)
        arguments = f"server -dir=data -ip=127.0.0.1 -ip.bind=127.0.0.1 -filer -s3 -master.port={master} -volume.port={volume} -filer.port={filer} -s3.port={s3} -s3.config=s3.json -s3.port.iceberg=0 -metricsPort=0 -master.volumeSizeLimitMB=1024 -volume.max=40"
        self.store = Process([str(TOOLS / "weed"), *arguments.split()], self.folder / "store.log", folder=folder)
        self.wait("the store", lambda: urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{filer}/buckets/artifacts/", method="POST")).close())

    def start_node(self, number: int, address: str, binary: str) -> None:
        """A node, whose way to PostgreSQL is a proxy that cuts its connections at SIGUSR1."""
        login, server = self.direct.removeprefix("postgres://").split("@")
        host, database = server.split("/")
        port = free_port()
        proxy = [sys.executable, str(Path(__file__).parent / "proxy.py"), str(port), host]
        self.proxies.append(Process(proxy, self.folder / f"proxy-{number}.log"))
        environment = {
            **self.environment,
            "DAYBOOK_DATABASE_URL": f"postgres://{login}@127.0.0.1:{port}/{database}",
            "DAYBOOK_LISTEN": address,
        }
        self.wait("a proxy", lambda: socket.create_connection(("127.0.0.1", port)).close())
        self.nodes.append(Process([binary, "serve"], self.folder / f"node-{number}.log", environment))

    def await_node(self, address: str) -> None:
        self.wait(f"{address}", lambda: urllib.request.urlopen(f"http://{address}/readyz", timeout=2).close())

    def wait(self, what: str, attempt, patience: float = 60) -> None:
        end = time.monotonic() + patience
        while True:
            try:
                return attempt()
            except OSError as error:
                if time.monotonic() > end:
                    sys.exit(f"{what} does not answer: {error}")
                time.sleep(0.1)

    # What can be done to it. Each ends with everything running again, or on its way.

    def running(self) -> list[Process]:
        return [node for node in self.nodes if node is not self.paused]

    def restartable(self) -> Process:
        return random.choice([node for node in self.running() if not (self.is_old_refused and node is self.nodes[0])])

    def kill_node(self) -> None:
        node = self.restartable()
        node.kill()
        time.sleep(random.random())
        node.start()

    def pause_node(self) -> None:
        """Begins it: what else happens, happens meanwhile."""
        if self.paused is None:
            self.paused = random.choice(self.running())
            threading.Thread(target=self.pause).start()
        else:
            self.cut_connections()

    def pause(self) -> None:
        self.paused.pause(3 * LEASE)
        self.paused = None

    def turn_clock(self) -> None:
        library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        node = self.restartable()
        node.kill()
        node.start(LD_PRELOAD=str(library), FAKETIME=random.choice(["+1h", "-1h"]), FAKETIME_DONT_FAKE_MONOTONIC="1")
        time.sleep(2)
        node.kill()
        # What libfaketime would have removed itself.
        for name in ("faketime_shm", "sem.faketime_sem"):
            Path(f"/dev/shm/{name}_{node.child.pid}").unlink(missing_ok=True)
        node.start()

    def cut_connections(self) -> None:
        random.choice(self.proxies).child.send_signal(signal.SIGUSR1)

    def restart_postgres(self) -> None:
        binaries, data = os.environ["DAYBOOK_TEST_POSTGRES_BIN"], os.environ["DAYBOOK_TEST_POSTGRES_DATA"]
        command = [f"{binaries}/pg_ctl", "restart", "--pgdata", data, "--mode", "immediate", "--silent", "--wait", "--log", f"{data}/../server.log"]
        owner = pwd.getpwuid(os.stat(data).st_uid)
        switch = ["setpriv", "--reuid", owner.pw_name, "--regid", str(owner.pw_gid), "--clear-groups"] if os.getuid() == 0 else []
        subprocess.run([*switch, *command], check=True, cwd=data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill_nats(self) -> None:
        server = random.choice(self.nats)
        server.kill()
        time.sleep(random.random())
        server.start()

    def kill_all_nats(self) -> None:
        for server in self.nats:
            server.kill()
        time.sleep(2)
        for server in self.nats:
            server.start()

    def kill_store(self) -> None:
        self.store.kill()
        time.sleep(random.random() * 3)
        self.store.start()
        self.wait("the store", lambda: socket.create_connection(("127.0.0.1", self.store_ports[3])).close())

    def slow_store(self) -> None:
        self.store.pause(4)
