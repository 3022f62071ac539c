"""AWS Secrets Manager on moto's server, and on one that says what AWS says when it refuses."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest

from recoup.adapters.secrets_manager import SecretsManager
from recoup.core.errors import Misconfigured, NotFound, RecoupError, Unavailable
from recoup.sandbox import faults, s3
from recoup.sandbox.faults import Answer, Asked, Fault, json_answer
from recoup.sandbox.http import StandIn
from support.house import MovableClock

REGION = "eu-central-1"
VALUE = "very-secret-value"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with s3.moto_in_process() as server:
        yield server.endpoint


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def moment() -> MovableClock:
    return MovableClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
def aws(moto: str) -> Iterator[Any]:
    client = botocore.session.get_session().create_client(
        "secretsmanager", region_name=REGION, endpoint_url=moto
    )
    yield client
    for row in client.list_secrets()["SecretList"]:
        client.delete_secret(SecretId=row["Name"], ForceDeleteWithoutRecovery=True)
    client.close()


Build = Callable[..., SecretsManager]


@pytest.fixture
def build(moment: MovableClock) -> Iterator[Build]:
    made: list[SecretsManager] = []

    def make(endpoint: str, **changes: Any) -> SecretsManager:
        given: dict[str, Any] = {"region": REGION, "now": moment, "read_seconds": 0.3, "attempts": 2}
        made.append(SecretsManager(endpoint=endpoint, **given | changes))
        return made[-1]

    yield make
    for one in made:
        one.close()


class FakeAws(StandIn):
    """Answers with one secret, and counts."""

    def __init__(self, answer: Answer | None = None) -> None:
        super().__init__()
        self.answer = answer or json_answer(200, {"Name": "distronation/x", "SecretString": VALUE})
        self.asked: list[Asked] = []

    def handle(self, asked: Asked) -> Answer:  # noqa: ARG002 - the stand-in's form
        return self.answer

    def note(self, asked: Asked, answer: Answer | None, fault: Fault | None) -> None:  # noqa: ARG002 - the stand-in's form
        self.asked.append(asked)


def failing(act: Callable[[], Any], kind: type[RecoupError]) -> RecoupError:
    with pytest.raises(RecoupError) as caught:
        act()
    assert type(caught.value) is kind
    assert caught.value.fix
    found: BaseException | None = caught.value
    while found is not None:
        assert VALUE not in f"{found!r} {found}"
        found = found.__cause__ or found.__context__
    return caught.value


# ---------------------------------------------------------------- the way it should go


def test_json_comes_as_a_mapping_and_all_else_as_text(aws: Any, moto: str, build: Build) -> None:
    oauth = {"refresh_token": "x", "scopes": ["a", "b"]}
    for name, text in (
        ("youtube-oauth", json.dumps(oauth)),
        ("plain", "no JSON {"),
        ("list", "[1]"),
        ("nest", "[" * 10_000),
    ):
        aws.create_secret(Name=f"distronation/{name}", SecretString=text)
    arn = aws.create_secret(Name="distronation/bytes", SecretBinary=b'{"a": "b"}')["ARN"]
    secrets = build(moto)
    assert secrets.get("youtube-oauth") == oauth
    assert secrets.get("distronation/youtube-oauth") == oauth
    assert [secrets.get(name) for name in ("plain", "list")] == ["no JSON {", "[1]"]
    assert secrets.get("nest") == "[" * 10_000
    assert secrets.get("bytes") == secrets.get(arn) == {"a": "b"}
    assert secrets.get("bytes", fresh=True) == {"a": "b"}


def test_another_prefix_and_the_environments_endpoint(
    aws: Any, moto: str, moment: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.create_secret(Name="acme/key", SecretString="k")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto)
    with closing(SecretsManager(REGION, "acme/", now=moment)) as secrets:
        assert secrets.get("key") == "k"


def test_a_value_is_kept_for_an_hour(build: Build, moment: MovableClock) -> None:
    with FakeAws() as aws:
        secrets = build(aws.url)
        assert [secrets.get("x") for _ in range(3)] == [VALUE] * 3
        assert len(aws.asked) == 1
        assert json.loads(aws.asked[0].body) == {"SecretId": "distronation/x"}
        aws.answer = json_answer(200, {"SecretString": '{"a": 1}'})
        assert secrets.get("x") == VALUE
        assert secrets.get("x", fresh=True) == {"a": 1}
        assert secrets.get("x") == {"a": 1}
        moment.advance(minutes=59)
        secrets.get("x")
        assert len(aws.asked) == 2
        moment.advance(minutes=1)
        secrets.get("x")
        assert len(aws.asked) == 3


def test_threads_share_one_question(build: Build) -> None:
    with FakeAws() as aws:
        aws.script(faults.slow(0.1))
        secrets, together = build(aws.url), threading.Barrier(6)

        def ask(_: int) -> Any:
            together.wait()
            return secrets.get("x")

        with ThreadPoolExecutor(6) as pool:
            assert set(pool.map(ask, range(6))) == {VALUE}
        assert len(aws.asked) == 1


def test_nothing_that_is_shown_holds_a_secret(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with FakeAws() as aws:
        secrets = build(aws.url)
        secrets.get("x")
        assert VALUE not in f"{secrets!r} {secrets._secrets!r} {caplog.text}"


# ---------------------------------------------------------------- what AWS refuses


def test_what_is_not_there(aws: Any, moto: str, build: Build) -> None:
    assert aws.list_secrets()["SecretList"] == []
    error = failing(lambda: build(moto).get("missing"), NotFound)
    assert "distronation/missing" in error.detail
    assert REGION in error.detail


def test_what_is_marked_for_deletion(aws: Any, moto: str, build: Build) -> None:
    aws.create_secret(Name="distronation/old", SecretString="x")
    aws.delete_secret(SecretId="distronation/old", RecoveryWindowInDays=7)
    error = failing(lambda: build(moto).get("old"), Misconfigured)
    assert "distronation/old" in error.detail
    aws.restore_secret(SecretId="distronation/old")
    assert build(moto).get("old") == "x"


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("AccessDeniedException", Misconfigured, "secretsmanager:GetSecretValue on secret:distronation/*"),
        ("ResourceNotFoundException", NotFound, "the region"),
        ("InvalidRequestException", Misconfigured, "Restore it"),
        ("InvalidParameterException", Misconfigured, "Check its name"),
        ("DecryptionFailure", Misconfigured, "kms:Decrypt"),
        ("ExpiredTokenException", Misconfigured, "AWS_ACCESS_KEY_ID"),
        ("UnrecognizedClientException", Misconfigured, "AWS_ACCESS_KEY_ID"),
        ("InvalidSignatureException", Misconfigured, "clock"),
        ("SomethingNewException", Misconfigured, "Check its name"),
    ],
)
@pytest.mark.parametrize("name", ["message", "Message"])
def test_refusals_are_not_repeated(
    build: Build, code: str, kind: type[RecoupError], words: str, name: str
) -> None:
    with FakeAws(json_answer(400, {"__type": code, name: "AWS says why."})) as aws:
        error = failing(lambda: build(aws.url).get("x"), kind)
        assert len(aws.asked) == 1
    assert "distronation/x" in error.detail
    assert f"({code}: AWS says why)" in error.detail
    assert words in str(error.fix)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "ThrottlingException"), (500, "InternalServiceError"), (503, "ServiceUnavailable"), (502, "Odd")],
)
def test_busy_answers_are_repeated(build: Build, status: int, code: str) -> None:
    busy = Fault(name="busy", handled=False, answer=json_answer(status, {"__type": code, "message": "No."}))
    with FakeAws() as aws:
        aws.script(busy)
        assert build(aws.url).get("x") == VALUE
        aws.script(busy, times=2)
        assert code in failing(lambda: build(aws.url).get("x"), Unavailable).detail
        assert len(aws.asked) == 4


@pytest.mark.parametrize("fault", [faults.dropped(), faults.silence(), faults.cut_body()])
def test_answers_that_do_not_arrive_are_repeated(build: Build, fault: Fault) -> None:
    with FakeAws() as aws:
        aws.script(fault)
        assert build(aws.url).get("x") == VALUE
        aws.script(fault, times=None)
        assert "distronation/x" in failing(lambda: build(aws.url).get("x"), Unavailable).detail
        assert len(aws.asked) == 4


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>Sign in to the network", {"Content-Type": "text/html"}),
        json_answer(200, {"Name": "x"}),
        json_answer(200, {"CreatedDate": "very-secret-value", "SecretString": VALUE}),
        Answer(200, b'{"SecretString": "very-secret-value'),
        json_answer(200, []),
    ],
)
def test_answers_that_are_none(build: Build, answer: Answer) -> None:
    with FakeAws(answer) as aws:
        error = failing(lambda: build(aws.url).get("x"), Unavailable)
        assert len(aws.asked) == 2
    assert "holds no secret" in error.detail


def test_a_failure_does_not_spoil_what_is_kept(build: Build) -> None:
    with FakeAws() as aws:
        secrets = build(aws.url)
        secrets.get("x")
        aws.stop()
        failing(lambda: secrets.get("x", fresh=True), Unavailable)
        assert secrets.get("x") == VALUE
        aws.start()


def test_bytes_that_are_no_text(aws: Any, moto: str, build: Build) -> None:
    aws.create_secret(Name="distronation/bytes", SecretBinary=b"\xff\xfe")
    assert "no text" in failing(lambda: build(moto).get("bytes"), Misconfigured).detail


@pytest.mark.parametrize("name", ["", "x" * 2_048])
def test_names_that_cannot_be(build: Build, name: str) -> None:
    failing(lambda: build("http://127.0.0.1:9").get(name), Misconfigured)


def test_without_credentials_a_region_or_an_address(
    moment: MovableClock, monkeypatch: pytest.MonkeyPatch, build: Build
) -> None:
    failing(lambda: build("nowhere").get("x"), Misconfigured)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    assert "region" in str(failing(lambda: SecretsManager("", now=moment).get("x"), Misconfigured).fix)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    error = failing(lambda: build("http://127.0.0.1:9").get("x"), Misconfigured)
    assert "no usable credentials" in error.detail


def test_without_boto3_it_says_what_to_install() -> None:
    program = """if True:
        import sys
        sys.modules["botocore"] = None
        from datetime import UTC, datetime
        from recoup.adapters.secrets_manager import SecretsManager
        from recoup.core.errors import Misconfigured
        try:
            SecretsManager("eu-central-1", now=lambda: datetime.now(UTC)).get("x")
        except Misconfigured as error:
            print(error.sentence())
    """
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'recoup[s3]'" in ran.stdout
    assert ran.stderr == ""
