"""The Clazar stand-in keeps Clazar's rules over real HTTP: sign-in, duplicates, shapes of errors, faults."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from recoup.sandbox import faults
from recoup.sandbox.clazar import DUPLICATE_TEXTS, ClazarStandIn, fewer_results, unauthorised
from recoup.sandbox.clazar_ledger import Accepted, Ledger, read_ledger

CONTRACT = "0f0e6c1e-2222-4c0f-9b3a-000000000001"
OTHER = "0f0e6c1e-2222-4c0f-9b3a-000000000002"


class MovableClock:
    def __init__(self) -> None:
        self.now = datetime(2025, 7, 24, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def moment() -> MovableClock:
    return MovableClock()


@pytest.fixture
def clazar(moment: MovableClock) -> Iterator[ClazarStandIn]:
    with ClazarStandIn(clock=moment) as stand_in:
        yield stand_in


@pytest.fixture
def client(clazar: ClazarStandIn) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=clazar.url, timeout=5, trust_env=False) as it:
        yield it


def record(**changes: Any) -> dict[str, Any]:
    return {
        "cloud": "aws",
        "contract_id": CONTRACT,
        "dimension": "cpu_core_hours",
        "start_time": "2025-07-23T21:00:00Z",
        "end_time": "2025-07-23T22:00:00Z",
        "quantity": "2",
    } | changes


def sign_in(client: httpx2.Client, **changes: str) -> httpx2.Response:
    pair = {"client_id": "stand-in-client", "client_secret": "stand-in-secret"} | changes
    return client.post("/authenticate/", json=pair)


def send(client: httpx2.Client, *records: dict[str, Any]) -> httpx2.Response:
    token = sign_in(client).json()["access_token"]
    return client.post(
        "/metering/", json={"request": list(records)}, headers={"Authorization": f"Bearer {token}"}
    )


def results(client: httpx2.Client, *records: dict[str, Any]) -> list[dict[str, Any]]:
    response = send(client, *records)
    assert response.status_code == 200
    return response.json()["results"]


# ---------------------------------------------------------------- sign-in


def test_signs_in_and_says_how_long(client: httpx2.Client) -> None:
    answer = sign_in(client)
    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("bearer", 86400)


def test_wrong_credentials_are_401_in_json(client: httpx2.Client) -> None:
    answer = sign_in(client, client_secret="guess")
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
    assert client.post("/authenticate/", content=b"[]").status_code == 400


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}]
)
def test_metering_without_a_good_token_is_401(
    client: httpx2.Client, clazar: ClazarStandIn, header: dict[str, str]
) -> None:
    answer = client.post("/metering/", json={"request": [record()]}, headers=header)
    assert (answer.status_code, clazar.ledger) == (401, [])


@pytest.mark.parametrize(
    ("jwt_life", "lasts"), [(None, timedelta(hours=24)), (timedelta(hours=6), timedelta(hours=6))]
)
def test_a_token_ends_on_time(
    clazar: ClazarStandIn,
    client: httpx2.Client,
    moment: MovableClock,
    jwt_life: timedelta | None,
    lasts: timedelta,
) -> None:
    clazar.jwt_life = jwt_life
    answer = sign_in(client).json()
    assert answer["expires_in"] == 86400
    header = {"Authorization": f"Bearer {answer['access_token']}"}
    moment.now += lasts - timedelta(seconds=1)
    assert client.get("/contracts", headers=header).status_code == 200
    moment.now += timedelta(seconds=1)
    assert client.get("/contracts", headers=header).status_code == 401


def test_revoked_tokens_are_over(clazar: ClazarStandIn, client: httpx2.Client) -> None:
    header = {"Authorization": f"Bearer {sign_in(client).json()['access_token']}"}
    clazar.revoke_tokens()
    assert client.get("/contracts", headers=header).status_code == 401


# ---------------------------------------------------------------- metering


def test_accepts_and_keeps_the_text_of_the_quantity(
    clazar: ClazarStandIn, client: httpx2.Client, moment: MovableClock
) -> None:
    sent = record(cloud="gcp", quantity="2.50", custom_properties={"key": "k-1"})
    (result,) = results(client, sent)
    assert result == sent | {"id": result["id"], "status": "success"}
    (row,) = clazar.ledger
    assert (row.quantity, row.cloud, row.at) == ("2.50", "gcp", moment.now)
    assert row.key == (CONTRACT, "cpu_core_hours", datetime(2025, 7, 23, 21, tzinfo=UTC))
    assert (row.end_time, row.custom_properties) == (datetime(2025, 7, 23, 22, tzinfo=UTC), {"key": "k-1"})


def test_a_second_record_of_the_clock_hour_is_turned_away_whatever_its_quantity(
    clazar: ClazarStandIn, client: httpx2.Client
) -> None:
    assert results(client, record())[0]["status"] == "success"
    again = [
        record(),
        record(quantity="3"),
        record(start_time="2025-07-23T21:59:59Z", end_time="2025-07-23T23:00:00Z"),
    ]
    texts = set()
    for repeated in again:
        (result,) = results(client, repeated)
        assert "status" not in result
        assert result["code"] == "DUPLICATE_RECORD"
        texts.add(result["message"])
    assert texts == set(DUPLICATE_TEXTS)
    assert "already exists" in DUPLICATE_TEXTS[0]
    assert "same contract_id" in DUPLICATE_TEXTS[1]
    assert "same hour" in DUPLICATE_TEXTS[1]
    assert [row.quantity for row in clazar.ledger] == ["2"]


def test_another_hour_dimension_or_contract_is_no_duplicate(
    clazar: ClazarStandIn, client: httpx2.Client
) -> None:
    others = [
        record(),
        record(start_time="2025-07-23T22:00:00Z", end_time="2025-07-23T23:00:00Z"),
        record(dimension="replica_hours"),
        record(contract_id=OTHER),
    ]
    assert [result["status"] for result in results(client, *others)] == ["success"] * 4
    assert len(clazar.ledger) == 4


def test_two_alike_in_one_request_are_accepted_once(clazar: ClazarStandIn, client: httpx2.Client) -> None:
    both = results(client, record(), record())
    assert sorted(result.get("status", "error") for result in both) == ["error", "success"]
    assert len(clazar.ledger) == 1


def test_of_many_clients_at_once_one_gets_in(clazar: ClazarStandIn) -> None:
    won: list[str] = []

    def knock() -> None:
        with httpx2.Client(base_url=clazar.url, timeout=5, trust_env=False) as client:
            won.extend(result["status"] for result in results(client, record()) if "status" in result)

    threads = [threading.Thread(target=knock) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (won, len(clazar.ledger)) == (["success"], 1)


def test_results_come_in_another_order_than_the_records(client: httpx2.Client) -> None:
    sent = [record(dimension=f"d{number}") for number in range(25)]
    came = [result["dimension"] for result in results(client, *sent)]
    assert sorted(came) == sorted(one["dimension"] for one in sent)
    assert came != [one["dimension"] for one in sent]


def test_errors_come_in_three_shapes(clazar: ClazarStandIn, client: httpx2.Client) -> None:
    clazar.contracts = {OTHER: "aws"}
    errors = [results(client, record())[0]["errors"] for _ in range(3)]
    text = "There is no such contract in this marketplace."
    assert errors == [[text], [{"message": text}], text]


def test_errors_may_leave_out_which_record_they_are_about(
    clazar: ClazarStandIn, client: httpx2.Client
) -> None:
    clazar.contracts = {OTHER: "aws"}
    assert results(client, record())[0]["contract_id"] == CONTRACT
    clazar.anonymous_errors = True
    assert results(client, record())[0].keys() == {"errors", "code", "message"}


def test_an_unknown_dimension_fails_without_errors(clazar: ClazarStandIn, client: httpx2.Client) -> None:
    clazar.dimensions = {"cpu_core_hours"}
    mixed = {result["dimension"]: result for result in results(client, record(), record(dimension="nope"))}
    assert mixed["cpu_core_hours"]["status"] == "success"
    assert mixed["nope"]["status"] == "fail"
    assert "errors" not in mixed["nope"]
    assert [row.dimension for row in clazar.ledger] == ["cpu_core_hours"]


@pytest.mark.parametrize(
    ("cloud", "quantity", "taken"),
    [
        ("aws", "0", True),
        ("aws", "2.0", True),
        ("aws", "2.5", False),
        ("aws", "-1", False),
        ("aws", "two", False),
        ("aws", "NaN", False),
        ("gcp", "2.5", True),
        ("gcp", "-0.5", False),
        ("azure", "0.1", True),
        ("azure", "0", False),
    ],
)
def test_each_marketplace_has_its_own_quantities(
    clazar: ClazarStandIn, client: httpx2.Client, cloud: str, quantity: str, *, taken: bool
) -> None:
    (result,) = results(client, record(cloud=cloud, quantity=quantity))
    assert ("errors" not in result) is taken
    assert len(clazar.ledger) == int(taken)


def test_usage_may_be_too_old(clazar: ClazarStandIn, client: httpx2.Client, moment: MovableClock) -> None:
    clazar.lateness = {"aws": timedelta(hours=24)}
    moment.now = datetime(2025, 7, 24, 21, 0, 0, tzinfo=UTC)
    assert results(client, record())[0]["status"] == "success"
    moment.now += timedelta(seconds=1)
    assert results(client, record(dimension="replica_hours"))[0]["code"] == "TOO_OLD"
    assert results(client, record(cloud="gcp", contract_id=OTHER))[0]["status"] == "success"


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        [],
        {"request": []},
        {"request": ["x"]},
        {"request": [record(quantity=2)]},
        {"request": [record(cloud="ibm")]},
        {"request": [record(contract_id="")]},
        {"request": [record(start_time="2025-07-23T21:00:00+00:00")]},
        {"request": [record(end_time="2025-07-23T21:00:00Z")]},
        {"request": [record(), record(custom_properties="x")]},
    ],
)
def test_a_malformed_request_is_400_as_a_whole(
    clazar: ClazarStandIn, client: httpx2.Client, body: Any
) -> None:
    header = {"Authorization": f"Bearer {sign_in(client).json()['access_token']}"}
    content = body if isinstance(body, str) else json.dumps(body)
    answer = client.post("/metering/", content=content, headers=header)
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    assert clazar.ledger == []


def test_more_than_25_records_are_taken_and_show_in_the_requests(
    clazar: ClazarStandIn, client: httpx2.Client
) -> None:
    results(client, *(record(dimension=f"d{number}") for number in range(26)))
    assert [request.records for request in clazar.asked("/metering/")] == [26]


def test_requests_hold_no_secret(clazar: ClazarStandIn, client: httpx2.Client) -> None:
    token = sign_in(client).json()["access_token"]
    send(client, record())
    sign_in(client, client_secret="guessed-secret")
    seen = repr(clazar.requests)
    assert "/authenticate/" in seen
    assert CONTRACT in seen
    assert not [secret for secret in ("stand-in-secret", "guessed-secret", token) if secret in seen]
    assert [(r.path, r.status, r.token) for r in clazar.requests] == [
        ("/authenticate/", 200, None),
        ("/authenticate/", 200, None),
        ("/metering/", 200, 2),
        ("/authenticate/", 401, None),
    ]


def test_contracts_come_in_pages(clazar: ClazarStandIn, client: httpx2.Client) -> None:
    clazar.contracts = {f"c-{number:03}": "gcp" for number in range(205)}
    header = {"Authorization": f"Bearer {sign_in(client).json()['access_token']}"}
    pages = [
        client.get("/contracts", params={"page": page}, headers=header).json()["results"]
        for page in range(1, 5)
    ]
    assert [len(page) for page in pages] == [100, 100, 5, 0]
    assert [contract["id"] for page in pages for contract in page] == sorted(clazar.contracts)
    assert pages[0][0].keys() == {"id", "buyer_id", "cloud"}
    small = client.get("/contracts", params={"page": 2, "page_size": 2}, headers=header).json()["results"]
    assert [contract["id"] for contract in small] == ["c-002", "c-003"]
    assert client.get("/contracts", params={"page": 0}, headers=header).status_code == 400
    assert client.get("/contracts").status_code == 401


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("fault", "status", "kept"),
    [
        (faults.too_many_requests("7"), 429, 0),
        (faults.server_error(503), 503, 0),
        (faults.server_error(500, handled=True), 500, 1),
        (faults.html_page(), 200, 0),
        (unauthorised(), 401, 0),
    ],
)
def test_a_scripted_answer_befalls_one_request(
    clazar: ClazarStandIn, client: httpx2.Client, fault: faults.Fault, status: int, kept: int
) -> None:
    clazar.script(fault, path="/metering")
    assert send(client, record()).status_code == status
    assert len(clazar.ledger) == kept
    assert clazar.requests[-1].fault == fault.name
    assert send(client, record(dimension="next")).status_code == 200


def test_retry_after_is_sent_as_scripted(clazar: ClazarStandIn, client: httpx2.Client) -> None:
    clazar.script(faults.too_many_requests("Thu, 24 Jul 2025 00:01:00 GMT"), path="/metering")
    assert send(client, record()).headers["retry-after"] == "Thu, 24 Jul 2025 00:01:00 GMT"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.cut_body(), httpx2.RemoteProtocolError),
        (faults.dropped(), httpx2.RemoteProtocolError),
        (faults.dropped(reset=True), httpx2.ReadError),
        (faults.silence(), httpx2.ReadTimeout),
    ],
)
def test_answers_can_be_lost_after_accepting(
    clazar: ClazarStandIn, client: httpx2.Client, fault: faults.Fault, error: type[Exception]
) -> None:
    client.timeout = httpx2.Timeout(0.3)
    clazar.script(fault, path="/metering")
    with pytest.raises(error):
        send(client, record())
    assert len(clazar.ledger) == 1


def test_nothing_is_kept_when_the_connection_drops_before(
    clazar: ClazarStandIn, client: httpx2.Client
) -> None:
    clazar.script(faults.dropped(handled=False), path="/metering")
    with pytest.raises(httpx2.RemoteProtocolError):
        send(client, record())
    assert clazar.ledger == []
    assert clazar.requests[-1].status is None


def test_fewer_results_than_records(clazar: ClazarStandIn, client: httpx2.Client) -> None:
    clazar.script(fewer_results(1))
    clazar.clear_script()
    clazar.script(fewer_results(1), path="/metering")
    assert len(results(client, record(), record(dimension="b"), record(dimension="c"))) == 1
    assert len(clazar.ledger) == 3


def test_a_slow_answer_is_a_right_one(clazar: ClazarStandIn, client: httpx2.Client) -> None:
    clazar.script(faults.slow(0.2), path="/metering")
    response = send(client, record())
    assert response.elapsed >= timedelta(seconds=0.2)
    assert response.json()["results"][0]["status"] == "success"


def test_a_fault_can_choose_its_requests(clazar: ClazarStandIn, client: httpx2.Client) -> None:
    clazar.script(faults.server_error(), when=lambda asked: b"nope" in asked.body, times=None)
    assert send(client, record()).status_code == 200
    assert send(client, record(dimension="nope")).status_code == 500
    assert send(client, record(dimension="nope")).status_code == 500
    clazar.clear_script()
    assert send(client, record(dimension="nope")).status_code == 200


def test_a_stopped_stand_in_refuses_and_returns_on_the_same_port(
    clazar: ClazarStandIn, client: httpx2.Client
) -> None:
    send(client, record())
    url = clazar.url
    clazar.stop()
    with pytest.raises(httpx2.ConnectError):
        sign_in(client)
    clazar.start()
    assert clazar.url == url
    assert results(client, record())[0]["code"] == "DUPLICATE_RECORD"


def test_stopping_does_not_wait_for_silence(clazar: ClazarStandIn) -> None:
    clazar.script(faults.silence())
    lost: list[Exception] = []

    def ask() -> None:
        with httpx2.Client(trust_env=False, timeout=30) as client:
            try:
                client.get(f"{clazar.url}/contracts")
            except httpx2.TransportError as error:
                lost.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not clazar.requests:
        thread.join(0.01)
    clazar.stop()
    thread.join(5)
    assert len(lost) == 1


# ---------------------------------------------------------------- as a process of its own


def accepted(contract: str, quantity: str = "2") -> Accepted:
    start = datetime(2025, 7, 23, 21, tzinfo=UTC)
    return Accepted(
        id="id-1",
        cloud="aws",
        contract_id=contract,
        dimension="cpu_core_hours",
        start_time=start,
        end_time=start + timedelta(hours=1),
        quantity=quantity,
        custom_properties={"é": [1]},
        at=start + timedelta(minutes=90, microseconds=5),
    )


def test_a_ledger_file_survives_a_torn_last_line(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    ledger = Ledger(file)
    ledger.add(accepted(CONTRACT))
    ledger.close()
    with file.open("ab") as out:
        out.write(accepted(OTHER).to_line()[:40])
    assert read_ledger(file) == [accepted(CONTRACT)]
    reopened = Ledger(file)
    assert reopened.has(accepted(CONTRACT).key)
    assert not reopened.has(accepted(OTHER).key)
    reopened.add(accepted(OTHER))
    reopened.close()
    assert read_ledger(file) == [accepted(CONTRACT), accepted(OTHER)]


def test_as_a_process_it_survives_kill_9_with_its_ledger(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    command = [sys.executable, "-m", "recoup.sandbox.clazar", "--ledger", str(file), "--dimension", "known"]

    def run() -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        return process, process.stdout.readline().strip()

    def stop(process: subprocess.Popen[str]) -> None:
        process.kill()
        process.communicate()

    process, url = run()
    try:
        with httpx2.Client(base_url=url, trust_env=False) as client:
            assert results(client, record(dimension="known"))[0]["status"] == "success"
            assert results(client, record(dimension="other"))[0]["status"] == "fail"
            scripted = client.post(
                "/_sandbox/faults", json={"fault": "server_error", "path": "/metering", "status": 502}
            )
            assert scripted.status_code == 204
            assert send(client, record()).status_code == 502
            assert client.post("/_sandbox/faults", json={"fault": "earthquake"}).status_code == 400
    finally:
        stop(process)
    assert [row.dimension for row in read_ledger(file)] == ["known"]
    process, url = run()
    try:
        with httpx2.Client(base_url=url, trust_env=False) as client:
            assert results(client, record(dimension="known"))[0]["code"] == "DUPLICATE_RECORD"
    finally:
        stop(process)
