"""Where the credentials of content owners are found: a file, the environment, AWS; and owners that a secret names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import httpx2
import pytest
from moto.server import ThreadedMotoServer

from recoup.adapters.secrets_manager import SecretsManager
from recoup.adapters.youtube import YouTubeReports
from recoup.adapters.youtube_secrets import NamedOwners, OwnerCredentials
from recoup.core.errors import Misconfigured, NeedsReauthorisation
from recoup.sandbox.youtube import YouTubeStandIn
from recoup.sandbox.youtube_reports import OWNER

KEPT = False
"""What was kept will do; nothing has to be asked for afresh."""
TOKEN = {"refresh_token": "r", "client_id": "c", "client_secret": "s"}


def utc() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretsManager]:
    for name, value in {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    httpx2.post(f"{address}/moto-api/reset", trust_env=False)  # one state for all servers of this process
    client = boto3.client("secretsmanager", region_name="us-east-1", endpoint_url=address)
    client.create_secret(Name="distronation/youtube-oauth", SecretString=json.dumps(TOKEN))
    client.create_secret(
        Name="distronation/youtube-api", SecretString=json.dumps({"content_owner_id": OWNER})
    )
    client.create_secret(Name="distronation/nothing", SecretString="{}")
    manager = SecretsManager("us-east-1", now=utc, endpoint=address)
    yield manager
    manager.close()
    server.stop()


def credentials(tmp_path: Path, place: str | None = None, **given: object) -> OwnerCredentials:
    return OwnerCredentials(lambda _owner: place, written=lambda owner: tmp_path / f"{owner}.json", **given)  # type: ignore[arg-type]


def test_a_file_comes_first_then_the_environment_then_what_was_authorised(tmp_path: Path) -> None:
    file = tmp_path / "token.json"
    file.write_text(json.dumps({**TOKEN, "client_id": "of the file"}))
    (tmp_path / "one.json").write_text(json.dumps({**TOKEN, "client_id": "authorised"}))
    in_environment = json.dumps({**TOKEN, "client_id": "of the environment"})
    assert credentials(tmp_path, str(file), token=in_environment)("one", KEPT)["client_id"] == "of the file"
    assert credentials(tmp_path, token=in_environment)("one", KEPT)["client_id"] == "of the environment"
    assert credentials(tmp_path)("one", KEPT)["client_id"] == "authorised"


def test_where_there_are_none_somebody_has_to_sign_in(tmp_path: Path) -> None:
    with pytest.raises(NeedsReauthorisation, match="Nobody has signed in for one yet") as caught:
        credentials(tmp_path)("one", KEPT)
    assert caught.value.fix == "Run `recoup rights authorise`."


def test_what_is_no_token_is_refused_without_showing_it(tmp_path: Path) -> None:
    file = tmp_path / "token.json"
    file.write_text("hush")
    with pytest.raises(Misconfigured, match="does not hold a token in JSON") as caught:
        credentials(tmp_path, str(file))("one", KEPT)
    assert "hush" not in str(caught.value)


def test_a_secret_of_aws(tmp_path: Path, secrets: SecretsManager) -> None:
    assert credentials(tmp_path, "aws:youtube-oauth", secrets=secrets)("one", KEPT) == TOKEN
    with pytest.raises(Misconfigured, match="has no region"):
        credentials(tmp_path, "aws:youtube-oauth")("one", KEPT)


def test_a_content_owner_that_a_secret_names(secrets: SecretsManager) -> None:
    with YouTubeStandIn() as youtube:
        source = YouTubeReports(
            lambda _owner, _fresh: youtube.credentials(), now=utc, reporting_url=youtube.url
        )
        named = NamedOwners(source, secrets)
        assert named.jobs("aws:youtube-api") == source.jobs(OWNER)
        assert named.jobs(OWNER) == source.jobs(OWNER)
        with pytest.raises(Misconfigured, match="holds no content_owner_id"):
            named.jobs("aws:nothing")
        with pytest.raises(Misconfigured, match="has no region"):
            NamedOwners(source, None).jobs("aws:youtube-api")
        source.close()
