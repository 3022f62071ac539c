"""Tokens of programs over real HTTP: what holds, what does not, and that every refusal looks the same."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx2
import jwt
import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from recoup.core.errors import Unauthorised
from recoup.core.ids import new_id
from recoup.core.system import System
from recoup.office.people import entrance, queries
from recoup.office.people.models import Person
from recoup.office.people.permissions import Role
from recoup.office.people.rules import access_tokens
from recoup.office.people.rules.access_tokens import Claims, Signer
from recoup.office.people.secrets import Keys
from recoup.office.people.service import factors, people, sessions
from recoup.office.people.service import tokens as service
from support.doors import api
from support.house import MovableClock
from support.people import ADA, BOB, BROWSER, Mailbox, caller_of, code_in, other_than, shown, sign_in, work


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with api(system) as served:
        del served.headers["Authorization"]
        yield served


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def tokens(
    client: httpx2.Client, system: System, mailbox: Mailbox, address: str, **more: str
) -> dict[str, Any]:
    """Sign in as a program does."""
    asked = client.post("/auth/code", json={"email": address}).json()
    work(system)
    body = {"attempt": asked["attempt"], "code": code_in(mailbox, address), **more}
    answer = client.post("/auth/token", json=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def app_of(system: System, mailbox: Mailbox, address: str) -> pyotp.TOTP:
    """Set up an authenticator app in a browser."""
    caller, keys = caller_of(system, sign_in(system, mailbox, address)), Keys.of(system.settings)
    with system.sessions.begin() as db:
        offer = factors.begin_totp(db, caller=caller, sealer=keys.sealer, now=system.clock())
    app = pyotp.TOTP(offer)
    entrance.confirm_totp(
        system.sessions,
        keys,
        caller=caller,
        code=app.at(system.clock()),
        sender="r@example.com",
        client=BROWSER,
        now=system.clock(),
    )
    return app


# ---------------------------------------------------------------- the way in


def test_a_program_signs_in_refreshes_and_signs_out(
    client: httpx2.Client, system: System, mailbox: Mailbox, bob: Person
) -> None:
    """Negative tests 13 and 14: what was ended fails at once; browsers are told to forget."""
    asked = client.post("/auth/code", json={"email": " BOB@example.com "})
    assert asked.status_code == 202
    assert {"expires_in": 600, "resend_in": 60}.items() <= asked.json().items()
    work(system)
    answer = client.post(
        "/auth/token", json={"attempt": asked.json()["attempt"], "code": code_in(mailbox, BOB)}
    )
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    assert {"token_type": "Bearer", "expires_in": 900, "missing": ""}.items() <= made.items()
    me = client.get("/auth/me", headers=bearer(made["access_token"])).json()
    assert (me["name"], me["by"], me["role"], me["person"]) == (BOB, "token", "analyst", str(bob.id))
    assert "jobs.look" in me["permissions"]
    assert client.get("/jobs", headers=bearer(made["access_token"])).status_code == 200
    assert client.get("/people", headers=bearer(made["access_token"])).status_code == 403
    again = client.post("/auth/refresh", json={"refresh_token": made["refresh_token"]}).json()
    out = client.post("/auth/sign-out", headers=bearer(again["access_token"]))
    assert (out.status_code, out.headers["clear-site-data"]) == (204, '"cache", "cookies", "storage"')
    for token in (made["access_token"], again["access_token"]):
        assert client.get("/auth/me", headers=bearer(token)).status_code == 401
    assert client.post("/auth/refresh", json={"refresh_token": again["refresh_token"]}).status_code == 401


def test_an_unknown_address_gets_the_same_answer(client: httpx2.Client, bob: Person) -> None:
    """Negative test 1, at the door."""
    assert bob
    answers = [client.post("/auth/code", json={"email": one}) for one in (BOB, "nobody@elsewhere.test")]
    bodies = [answer.json() for answer in answers]
    assert len({len(body.pop("attempt")) for body in bodies}) == 1
    assert bodies[0] == bodies[1]
    assert {answer.status_code for answer in answers} == {202}
    names = [sorted(answer.headers) for answer in answers]
    assert names[0] == names[1]


def test_too_many_codes_are_answered_with_a_time(client: httpx2.Client, system: System, bob: Person) -> None:
    """Negative tests 9 and 34: what a stranger writes into headers counts for nothing."""
    assert bob
    assert system
    for number in range(3):
        client.post("/auth/code", json={"email": BOB}, headers={"X-Forwarded-For": f"192.0.2.{number}"})
    refused = client.post("/auth/code", json={"email": BOB}, headers={"X-Forwarded-For": "192.0.2.99"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "900")
    assert "A code that you have already can still be used" in refused.json()["detail"]
    for number in range(17):
        assert client.post("/auth/code", json={"email": f"a{number}@x.test"}).status_code == 202
    refused = client.post("/auth/code", json={"email": "new@x.test"}, headers={"X-Real-IP": "192.0.2.1"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "3600")


@pytest.mark.parametrize(
    "email", ["a@x\r\nBcc: z@z.test", "a", "", "a@b@c.test", "x" * 400, None, 5, ["a@x.test"], "a@x.test\x00"]
)
def test_what_is_no_address_is_refused(client: httpx2.Client, system: System, email: object) -> None:
    """Negative test 3."""
    assert client.post("/auth/code", json={"email": email}).status_code == 422
    with system.sessions.begin() as db:
        assert db.execute(text("select count(*) from people_challenges")).scalar_one() == 0


def test_fields_that_nobody_asked_for_are_refused(client: httpx2.Client, system: System) -> None:
    """Negative test 27."""
    extra = {"role": "administrator", "is_admin": True, "user_id": 1, "created_at": "2020-01-01"}
    for name, value in extra.items():
        assert client.post("/auth/code", json={"email": BOB, name: value}).status_code == 422
        body = {"attempt": "x", "code": "123456", name: value}
        assert client.post("/auth/token", json=body).status_code == 422
    with system.sessions.begin() as db:
        assert db.execute(text("select count(*) from people")).scalar_one() == 0


def test_every_wrong_code_is_answered_alike(
    client: httpx2.Client, system: System, mailbox: Mailbox, bob: Person
) -> None:
    assert bob
    asked = client.post("/auth/code", json={"email": BOB}).json()
    work(system)
    right = code_in(mailbox, BOB)
    wrong = [
        {"attempt": asked["attempt"], "code": other_than(right)},
        {"attempt": "another browser's", "code": right},
        {"attempt": "", "code": ""},
        {"attempt": asked["attempt"], "code": "12345６"},  # noqa: RUF001 - full width
    ]
    answers = {client.post("/auth/token", json=body).text for body in wrong}
    assert len(answers) == 1
    assert json.loads(answers.pop())["status"] == 401
    assert client.post("/auth/token", json={"attempt": asked["attempt"], "code": right}).status_code == 200
    lines = [one["action"] for one in access(system)]
    assert lines == ["signed in", "refused", "refused", "refused", "refused"]


def access(system: System) -> list[dict[str, Any]]:
    with system.sessions.begin() as db:
        return [{"action": one.action, "detail": one.detail, "name": one.name} for one in queries.access(db)]


def test_a_second_factor_comes_with_the_code_or_after_it(
    client: httpx2.Client, system: System, mailbox: Mailbox, ada: Person, clock: MovableClock
) -> None:
    """Negative test 15."""
    assert ada
    app = app_of(system, mailbox, ADA)
    clock.advance(minutes=2)
    bare = tokens(client, system, mailbox, ADA)
    assert bare["missing"] == "factor"
    refused = client.get("/people", headers=bearer(bare["access_token"]))
    assert refused.status_code == 403
    assert "second factor" in refused.json()["detail"]
    wrong = client.post("/auth/factor", json={"totp": "000000x"}, headers=bearer(bare["access_token"]))
    assert wrong.status_code == 401
    full = client.post(
        "/auth/factor", json={"totp": app.at(clock())}, headers=bearer(bare["access_token"])
    ).json()
    assert full["missing"] == ""
    assert client.get("/people", headers=bearer(full["access_token"])).status_code == 200
    assert client.get("/auth/me", headers=bearer(bare["access_token"])).status_code == 401
    assert client.post("/auth/refresh", json={"refresh_token": bare["refresh_token"]}).status_code == 401
    clock.advance(minutes=61)
    both = tokens(client, system, mailbox, ADA, totp=app.at(clock()))
    assert client.get("/people", headers=bearer(both["access_token"])).status_code == 200
    asked = client.post("/auth/code", json={"email": ADA}).json()
    work(system)
    body = {"attempt": asked["attempt"], "code": code_in(mailbox, ADA), "totp": "nonsense"}
    assert client.post("/auth/token", json=body).status_code == 401


@pytest.mark.parametrize("how", ["disabled", "role", "ended", "ended by an administrator"])
def test_what_was_ended_fails_at_once(
    client: httpx2.Client, system: System, mailbox: Mailbox, bob: Person, how: str
) -> None:
    """Negative test 13."""
    made = tokens(client, system, mailbox, BOB)
    cookie = sign_in(system, mailbox, BOB)
    asked = {"name": "a program", "scope": "all"}
    key = client.post("/auth/keys", json=asked, headers=bearer(made["access_token"])).json()["secret"]
    assert client.get("/jobs", headers=bearer(key)).status_code == 200
    admin = bearer((system.home / "secrets" / "api.key").read_text().strip())
    match how:
        case "disabled":
            answer = client.post(f"/people/{bob.id}/disable", headers=admin)
        case "role":
            answer = client.post(f"/people/{bob.id}/role", json={"role": "reviewer"}, headers=admin)
        case "ended":
            listed = client.get("/auth/sessions", headers=bearer(made["access_token"])).json()["items"]
            assert len(listed) == 2
            for one in sorted(listed, key=lambda one: one["kind"] == "program"):
                answer = client.delete(f"/auth/sessions/{one['id']}", headers=bearer(made["access_token"]))
                assert answer.status_code == 204
        case _:
            answer = client.post(f"/people/{bob.id}/end-sessions", headers=admin)
            assert answer.json() == {"ended": 2}
    assert answer.status_code < 300
    assert client.get("/auth/me", headers=bearer(made["access_token"])).status_code == 401
    assert client.post("/auth/refresh", json={"refresh_token": made["refresh_token"]}).status_code == 401
    assert shown(system, cookie.token) is None
    holds = how.startswith("ended")  # whoever only signs out keeps the keys of their programs
    assert client.get("/jobs", headers=bearer(key)).status_code == (200 if holds else 401)


# ---------------------------------------------------------------- forged and bent tokens


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(key: bytes, header: object, content: object) -> str:
    parts = [b64(one if isinstance(one, bytes) else json.dumps(one).encode()) for one in (header, content)]
    mac = hmac.digest(key, ".".join(parts).encode(), hashlib.sha256)
    return ".".join([*parts, b64(mac)])


def forged(system: System, good: str) -> Iterator[tuple[str, str]]:
    """Every way that we know to bend a token; most even carry our own signature."""
    signer = Keys.of(system.settings).signer
    key, header, now = signer.key, jwt.get_unverified_header(good), int(system.clock().timestamp())
    content = json.loads(base64.urlsafe_b64decode(good.split(".")[1] + "=="))
    body = good.split(".")[1]
    for none in ("none", "None", "nOnE", "NONE"):  # 16
        yield f"alg {none}", f"{b64(json.dumps(header | {'alg': none}).encode())}.{body}."
        yield f"alg {none} signed", signed(key, header | {"alg": none}, content)
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()  # 17
    for encoding in (Encoding.PEM, Encoding.DER):
        with_public = public.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
        yield f"public key {encoding}", signed(with_public, header, content)
        yield f"RS256 {encoding}", signed(with_public, header | {"alg": "RS256"}, content)
    own = {"kty": "oct", "k": b64(b"x" * 32)}
    yield "a JWK as secret", signed(json.dumps(own).encode(), header, content)
    for name, value in {  # 18, 19, 20
        "jwk": own,
        "jku": "https://evil.test/keys",
        "x5u": "https://evil.test/cert",
        "x5c": ["MII"],
        "kid": "../../etc/passwd",
        "crit": ["exp"],
        "b64": False,
        "zip": "DEF",
        "cty": "JWT",
        "typ": "JWT",
        "alg": "HS512",
    }.items():
        yield f"header {name}", signed(key, header | {name: value}, content)
    yield "kid SQL", signed(key, header | {"kid": "' OR 1=1--"}, content)
    yield "no kid", signed(key, {"alg": "HS256", "typ": "at+jwt"}, content)
    for kind in ("refresh+jwt", "challenge+jwt", "at+JWT"):  # 21
        yield f"typ {kind}", signed(key, header | {"typ": kind}, content)
    for name in content:  # 22
        yield f"without {name}", signed(key, header, {k: v for k, v in content.items() if k != name})
        yield f"null {name}", signed(key, header, content | {name: None})
    for name, value in {
        "iss": "https://evil.test",
        "aud": "another-api",
        "exp": now + 10 * 365 * 86_400,
        "nbf": now + 3_600,
        "iat": str(now),
        "sub": str(new_id()),
        "sid": "' or true",
    }.items():
        yield f"{name} {value}", signed(key, header, content | {name: value})
    yield "exp as a float", signed(key, header, content | {"exp": now + 900.5})
    yield "times as booleans", signed(key, header, content | {"iat": True, "nbf": True, "exp": True})
    yield "over", signed(key, header, content | {"iat": now - 901, "nbf": now - 901, "exp": now - 1})
    yield "in the future", signed(key, header, content | {"iat": now + 60, "nbf": now + 60, "exp": now + 960})
    yield "a list", signed(key, header, [content])
    yield "no JSON", signed(key, header, b"\xff{")
    yield "duplicate claims", signed(key, header, json.dumps(content)[:-1].encode() + b', "sub": "x"}')  # 23
    yield "a hundred thousand claims", signed(key, header, content | {str(n): n for n in range(100_000)})
    yield "a megabyte", good + "A" * 1_000_000
    yield "five parts", f"{good}.a.b"
    yield "deep", signed(key, header, b"[" * 500)
    yield "another's signature", good[:-3] + ("AAA" if good[-3:] != "AAA" else "BBB")
    yield "empty", ".."
    yield "no token", "x" * 50


def test_no_bent_token_holds(client: httpx2.Client, system: System, mailbox: Mailbox, bob: Person) -> None:
    """Negative tests 16 to 23: all 401 (or 431), all with the same body, and fast."""
    assert bob
    made = tokens(client, system, mailbox, BOB)
    good = made["access_token"]
    usual = client.get("/auth/me")
    bent = list(forged(system, good))
    bent += [("a refresh token", made["refresh_token"]), ("a session", sign_in(system, mailbox, BOB).token)]
    begun, seen = time.monotonic(), 0
    for name, token in bent:
        assert system.authenticate.__call__
        assert shown(system, token, "bearer") is None, name
        if len(token) > 50_000:
            continue
        answer = client.get("/auth/me", headers=bearer(token))
        assert (answer.status_code, answer.text) == (401, usual.text), name
        seen += 1
    assert seen > 50
    assert time.monotonic() - begun < 20
    assert client.get("/auth/me", headers=bearer(good)).status_code == 200
    assert shown(system, good, "cookie") is None


def test_a_huge_header_is_refused_at_once(client: httpx2.Client) -> None:
    """Negative test 23."""
    begun = time.monotonic()
    try:
        answer = client.get("/auth/me", headers=bearer("A" * 1_000_000))
    except httpx2.TransportError:
        pass  # the server hung up
    else:
        assert answer.status_code in {400, 401, 431}
    assert time.monotonic() - begun < 5


def test_a_token_ends_by_itself(
    client: httpx2.Client, system: System, mailbox: Mailbox, bob: Person, clock: MovableClock
) -> None:
    assert bob
    made = tokens(client, system, mailbox, BOB)
    clock.advance(minutes=14, seconds=59)
    assert client.get("/auth/me", headers=bearer(made["access_token"])).status_code == 200
    clock.advance(seconds=1)
    assert client.get("/auth/me", headers=bearer(made["access_token"])).status_code == 401
    clock.advance(hours=12)
    assert client.post("/auth/refresh", json={"refresh_token": made["refresh_token"]}).status_code == 401


@given(st.text(max_size=300))
def test_no_text_is_a_token(token: str) -> None:
    signer = Signer(b"k" * 32, "recoup")
    with pytest.raises(Unauthorised):
        access_tokens.read(signer, token, now=MovableClock()())


@given(st.uuids(), st.uuids(), st.timedeltas(timedelta(0), timedelta(days=9_000)))
def test_a_token_says_what_was_put_in(person: Any, session: Any, later: timedelta) -> None:
    signer, claims, now = Signer(b"k" * 32, "recoup"), Claims(person, session), MovableClock()() + later
    token = access_tokens.issue(signer, claims, now=now)
    assert access_tokens.read(signer, token, now=now) == claims
    for other in (Signer(b"o" * 32, "recoup"), Signer(b"k" * 32, "another")):
        with pytest.raises(Unauthorised):
            access_tokens.read(other, token, now=now)


# ---------------------------------------------------------------- refresh tokens


def test_a_refresh_token_that_comes_twice_ends_its_session(
    client: httpx2.Client, system: System, mailbox: Mailbox, bob: Person
) -> None:
    """Negative test 24."""
    made = tokens(client, system, mailbox, BOB)
    other = tokens(client, system, mailbox, BOB)
    second = client.post("/auth/refresh", json={"refresh_token": made["refresh_token"]}).json()
    replayed = client.post("/auth/refresh", json={"refresh_token": made["refresh_token"]})
    assert (replayed.status_code, replayed.text) == (401, client.get("/auth/me").text)
    assert client.post("/auth/refresh", json={"refresh_token": second["refresh_token"]}).status_code == 401
    for token in (made["access_token"], second["access_token"]):
        assert client.get("/auth/me", headers=bearer(token)).status_code == 401
    assert client.get("/auth/me", headers=bearer(other["access_token"])).status_code == 200
    with system.sessions.begin() as db:
        kinds = db.execute(
            text("select kind from events where subject = :s"), {"s": f"people/person/{bob.id}"}
        )
        assert "people.token_replayed" in kinds.scalars().all()
    assert [one["name"] for one in access(system) if "twice" in one["detail"]] == [BOB]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 5), max_size=8))
def test_however_tokens_are_shown_each_is_changed_once(system: System, bob: Person, picks: list[int]) -> None:
    """Any order of shows: a token is changed at most once, and after a replay nothing of the session holds."""
    keys, now = Keys.of(system.settings), system.clock()
    with system.sessions.begin() as db:
        person = queries.by_id(db, bob.id)
        assert person is not None
        opened = sessions.open_session(db, person, kind="program", client=BROWSER, now=now, how="test")
        first = service.issue(db, keys.signer, session=opened.session, person=person.id, missing="", now=now)
    issued, used, alive = [first.refresh_token], set(), True
    for pick in picks:
        token = issued[min(pick, len(issued) - 1)]
        found = entrance.refresh(system.sessions, keys, token, now=now)
        if alive and token not in used:
            assert isinstance(found, service.Tokens)
            issued.append(found.refresh_token)
            used.add(token)
        else:
            assert not isinstance(found, service.Tokens)
            alive = alive and token not in used
    with system.sessions.begin() as db:
        assert (queries.session_of_program(db.connection(), opened.session, bob.id) is not None) == alive


# ---------------------------------------------------------------- personal keys


def test_a_key_holds_what_its_scope_says(
    client: httpx2.Client, system: System, mailbox: Mailbox, bob: Person, clock: MovableClock
) -> None:
    assert bob
    made = bearer(tokens(client, system, mailbox, BOB)["access_token"])
    looks = client.post("/auth/keys", json={"name": "reader"}, headers=made).json()
    assert looks["secret"].startswith(looks["prefix"])
    assert looks["prefix"].startswith("rcp_")
    me = client.get("/auth/me", headers=bearer(looks["secret"])).json()
    assert me["permissions"]
    assert all(one.endswith(".look") for one in me["permissions"])
    assert me["by"] == "key"
    assert client.post("/auth/keys", json={"name": "x"}, headers=bearer(looks["secret"])).status_code == 403
    everything = client.post("/auth/keys", json={"name": "w", "scope": "all"}, headers=made).json()
    refused = client.post("/auth/keys", json={"name": "x"}, headers=bearer(everything["secret"]))
    assert (refused.status_code, "signed in" in refused.json()["detail"]) == (403, True)
    listed = client.get("/auth/keys", headers=made)
    assert [one["name"] for one in listed.json()["items"]] == ["w", "reader"]
    assert looks["secret"] not in listed.text
    assert client.delete(f"/auth/keys/{looks['id']}", headers=made).status_code == 204
    assert client.get("/auth/me", headers=bearer(looks["secret"])).status_code == 401
    ends = (clock() + timedelta(hours=1)).isoformat()
    short = client.post("/auth/keys", json={"name": "s", "expires_at": ends}, headers=made).json()["secret"]
    assert client.get("/auth/me", headers=bearer(short)).status_code == 200
    clock.advance(hours=1)
    assert client.get("/auth/me", headers=bearer(short)).status_code == 401


def test_a_key_holds_no_more_than_the_session_that_made_it(  # noqa: PLR0917
    client: httpx2.Client, system: System, mailbox: Mailbox, ada: Person, bob: Person, clock: MovableClock
) -> None:
    assert ada
    bare = bearer(tokens(client, system, mailbox, ADA)["access_token"])
    assert client.post("/auth/keys", json={"name": "x", "scope": "all"}, headers=bare).status_code == 403
    made = bearer(tokens(client, system, mailbox, BOB)["access_token"])
    key = client.post("/auth/keys", json={"name": "x", "scope": "all"}, headers=made).json()["secret"]
    assert client.get("/jobs", headers=bearer(key)).status_code == 200
    with system.sessions.begin() as db:
        people.set_factor_policy(db, bob.id, "always", actor="test", now=clock())
    assert client.get("/jobs", headers=bearer(key)).status_code == 403
    app = app_of(system, mailbox, ADA)
    clock.advance(minutes=20)
    full = bearer(tokens(client, system, mailbox, ADA, totp=app.at(clock()))["access_token"])
    key = client.post("/auth/keys", json={"name": "x", "scope": "all"}, headers=full).json()["secret"]
    assert client.get("/people", headers=bearer(key)).status_code == 200


def test_another_persons_things_are_not_there(
    client: httpx2.Client, system: System, mailbox: Mailbox, bob: Person, ada: Person
) -> None:
    """Negative test 25, for sessions and keys."""
    assert ada
    with system.sessions.begin() as db:
        people.add(db, address="carl@x.test", role=Role.CUSTOMER, name="", actor="test", now=system.clock())
    mine = bearer(tokens(client, system, mailbox, "carl@x.test")["access_token"])
    other = bearer(tokens(client, system, mailbox, BOB)["access_token"])
    key = client.post("/auth/keys", json={"name": "x"}, headers=other).json()
    session = client.get("/auth/me", headers=other).json()["session"]
    assert client.delete(f"/auth/keys/{key['id']}", headers=mine).status_code == 404
    assert client.delete(f"/auth/sessions/{session}", headers=mine).status_code == 404
    assert client.get("/auth/me", headers=other).status_code == 200
    for path in ("/people", f"/people/{bob.id}", "/access-log", f"/people/{bob.id}/sessions"):
        assert client.get(path, headers=mine).status_code == 403
    assert (
        client.post(f"/people/{bob.id}/role", json={"role": "administrator"}, headers=mine).status_code == 403
    )
