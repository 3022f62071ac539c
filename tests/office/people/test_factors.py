"""Second factors: who needs one, how it is set up, that it works once, and who may take it away."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import text

from recoup.core.errors import Conflict, Forbidden, Invalid, NotFound, RecoupError, TooMany, Unauthorised
from recoup.core.system import Caller, System
from recoup.office.people import entrance, permissions, queries
from recoup.office.people.here import RelyingParty, relying_party
from recoup.office.people.models import Person
from recoup.office.people.permissions import Role
from recoup.office.people.secrets import Keys
from recoup.office.people.service import factors, links, own, passkeys
from recoup.office.people.service.sessions import Opened
from recoup.office.people.shown import picture
from support.authenticator import Authenticator
from support.house import MovableClock
from support.people import ADA, BOB, BROWSER, Mailbox, caller_of, shown, sign_in, work

SENDER = "Recoup <recoup@example.com>"
PARTY = RelyingParty("localhost", ("http://localhost:8000",))


def offered(system: System, caller: Caller) -> pyotp.TOTP:
    with system.sessions.begin() as db:
        sealer = Keys.of(system.settings).sealer
        secret = factors.begin_totp(db, caller=caller, sealer=sealer, now=system.clock())
    uri = own.address_of(secret, name=caller.name, issuer="Recoup")
    assert uri.startswith("otpauth://totp/Recoup:")
    assert "<path" in picture(uri)
    assert "style" not in picture(uri)
    return pyotp.TOTP(secret)


def confirmed(system: System, caller: Caller, code: str) -> Opened:
    return entrance.confirm_totp(
        system.sessions,
        Keys.of(system.settings),
        caller=caller,
        code=code,
        sender=SENDER,
        client=BROWSER,
        now=system.clock(),
    )


def proven(system: System, caller: Caller, code: str) -> Opened:
    keys = Keys.of(system.settings)
    return entrance.show_totp(
        system.sessions, keys, caller=caller, code=code, client=BROWSER, now=system.clock()
    )


def enrolled(system: System, mailbox: Mailbox, address: str) -> tuple[pyotp.TOTP, Opened]:
    """Sign in and set up an authenticator app."""
    caller = caller_of(system, sign_in(system, mailbox, address))
    app = offered(system, caller)
    return app, confirmed(system, caller, app.at(system.clock()))


def remove(system: System, caller: Caller) -> None:
    with system.sessions.begin() as db:
        factors.remove_totp(db, caller=caller, sender=SENDER, client=BROWSER, now=system.clock())


# ---------------------------------------------------------------- an authenticator app


def test_an_administrator_may_do_nothing_before_a_second_factor(
    system: System, mailbox: Mailbox, ada: Person, clock: MovableClock
) -> None:
    """Negative tests 11 and 15: step-up, and a new token after it."""
    assert ada
    first = sign_in(system, mailbox, ADA)
    assert first.missing == "enrolment"
    before = caller_of(system, first)
    assert (before.missing, before.permissions) == ("enrolment", permissions.WITHOUT_SECOND_FACTOR)
    app = offered(system, before)
    opened = confirmed(system, before, app.at(clock()))
    assert opened.missing == ""
    assert opened.token != first.token
    assert shown(system, first.token) is None
    after = caller_of(system, opened)
    assert after.permissions == permissions.of(Role.ADMINISTRATOR)
    work(system)
    assert "An authenticator app was added" in "".join(mailbox.texts(ADA))

    clock.advance(minutes=20)
    again = caller_of(system, sign_in(system, mailbox, ADA))
    assert again.missing == "factor"
    assert not again.may("people.change")
    stepped = proven(system, again, app.at(clock()))
    assert caller_of(system, stepped).may("people.change")


def test_a_code_of_the_app_works_once_within_a_step(
    system: System, mailbox: Mailbox, ada: Person, clock: MovableClock
) -> None:
    assert ada
    app, _ = enrolled(system, mailbox, ADA)
    clock.advance(minutes=20)
    for shift, fits in ((-60, False), (60, False), (-30, True), (30, True)):
        clock.advance(minutes=61)
        opened = sign_in(system, mailbox, ADA)
        caller, code = caller_of(system, opened), app.at(clock() + timedelta(seconds=shift))
        if not fits:
            with pytest.raises(Unauthorised):
                proven(system, caller, code)
            continue
        proven(system, caller, code)
        other = caller_of(system, sign_in(system, mailbox, ADA))
        with pytest.raises(Unauthorised):
            proven(system, other, code)


def test_of_many_guesses_of_a_factor_at_once_five_are_looked_at(
    system: System, mailbox: Mailbox, ada: Person, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ada
    app, _ = enrolled(system, mailbox, ADA)
    clock.advance(minutes=20)
    caller, compared = caller_of(system, sign_in(system, mailbox, ADA)), []
    usual = factors.take_totp

    def counted(*args: object, **how: object) -> bool:
        compared.append(1)
        return usual(*args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(factors, "take_totp", counted)

    def guess(number: int) -> type[RecoupError]:
        try:
            proven(system, caller, f"{number:06d}x")
        except RecoupError as error:
            return type(error)
        raise AssertionError

    with ThreadPoolExecutor(8) as many:
        said = list(many.map(guess, range(100)))
    assert len(compared) == 5
    assert (said.count(Unauthorised), said.count(TooMany)) == (5, 95)
    with pytest.raises(TooMany) as refused:
        proven(system, caller, app.at(clock()))
    assert refused.value.retry_after == 900
    clock.advance(minutes=15)
    assert proven(system, caller, app.at(clock())).missing == ""


def test_a_factor_is_set_up_within_ten_minutes(
    system: System, mailbox: Mailbox, bob: Person, clock: MovableClock
) -> None:
    assert bob
    caller = caller_of(system, sign_in(system, mailbox, BOB))
    clock.advance(minutes=10, seconds=1)
    with pytest.raises(Forbidden, match="within ten minutes"):
        offered(system, caller)


def test_nobody_sets_up_a_second_one_with_the_mail_code_alone(
    system: System, mailbox: Mailbox, ada: Person, clock: MovableClock
) -> None:
    assert ada
    enrolled(system, mailbox, ADA)
    clock.advance(minutes=20)
    caller = caller_of(system, sign_in(system, mailbox, ADA))
    with pytest.raises(Forbidden, match="second factor that you have"):
        offered(system, caller)
    with system.sessions.begin() as db, pytest.raises(Forbidden):
        passkeys.begin_enrolment(db, caller=caller, party=PARTY, now=clock())
    with pytest.raises(Forbidden):
        remove(system, caller)


def test_a_confirmed_app_is_not_overwritten(system: System, mailbox: Mailbox, ada: Person) -> None:
    assert ada
    _, opened = enrolled(system, mailbox, ADA)
    with pytest.raises(Conflict, match="already"):
        offered(system, caller_of(system, opened))


def test_whoever_set_one_up_is_asked_for_it(
    system: System, mailbox: Mailbox, bob: Person, clock: MovableClock
) -> None:
    assert bob
    app, opened = enrolled(system, mailbox, BOB)
    clock.advance(minutes=2)
    caller = caller_of(system, sign_in(system, mailbox, BOB))
    assert caller.missing == "factor"
    proven(system, caller, app.at(clock()))
    remove(system, caller_of(system, opened))
    work(system)
    assert "was removed" in "".join(mailbox.texts(BOB))
    clock.advance(minutes=15)
    assert caller_of(system, sign_in(system, mailbox, BOB)).missing == ""


def test_an_administrator_without_a_factor_left_enrols_anew(
    system: System, mailbox: Mailbox, ada: Person
) -> None:
    assert ada
    _, opened = enrolled(system, mailbox, ADA)
    remove(system, caller_of(system, opened))
    assert caller_of(system, opened).missing == "enrolment"


def test_the_secret_of_an_app_is_sealed_in_its_row(
    system: System, mailbox: Mailbox, ada: Person, bob: Person
) -> None:
    app, _ = enrolled(system, mailbox, ADA)
    caller = caller_of(system, sign_in(system, mailbox, BOB))
    offered(system, caller)
    with system.sessions.begin() as db:
        sealed = db.execute(text("select sealed from people_totp")).scalars().all()
        assert all(app.secret.encode() not in bytes(one) for one in sealed)
        db.execute(
            text(
                "update people_totp set sealed = (select sealed from people_totp where person_id = :a) where person_id = :b"
            ),
            {"a": ada.id, "b": bob.id},
        )
    with pytest.raises(RecoupError, match="not sealed for"):
        confirmed(system, caller, app.at(system.clock()))


def test_a_reset_takes_everything_away(
    system: System, mailbox: Mailbox, ada: Person, clock: MovableClock
) -> None:
    _, opened = enrolled(system, mailbox, ADA)
    with system.sessions.begin() as db:
        factors.reset(db, ada.id, actor="test", sender=SENDER, client=BROWSER, now=clock())
        with pytest.raises(NotFound):
            factors.reset(db, opened.session, actor="test", sender=SENDER, client=BROWSER, now=clock())
    assert shown(system, opened.token) is None
    clock.advance(minutes=2)
    assert caller_of(system, sign_in(system, mailbox, ADA)).missing == "enrolment"


# ---------------------------------------------------------------- links


@pytest.mark.parametrize(("printed", "missing"), [(True, ""), (False, "enrolment")])
def test_a_printed_link_stands_for_a_factor_and_a_mailed_one_does_not(
    system: System, ada: Person, missing: str, *, printed: bool
) -> None:
    now = system.clock()
    with system.sessions.begin() as db:
        link = links.print_link(db, ada, counts_as_factor=printed, actor="test", now=now)
        assert link.path not in repr(link)
    with system.sessions.begin() as db:
        opened = links.redeem_welcome(db, link.path.rpartition("/")[2], client=BROWSER, now=now)
    assert caller_of(system, opened).missing == opened.missing == missing
    offered(system, caller_of(system, opened))


# ---------------------------------------------------------------- passkeys


def begun(system: System, caller: Caller, party: RelyingParty = PARTY) -> passkeys.ToSign:
    with system.sessions.begin() as db:
        made = passkeys.begin_enrolment(db, caller=caller, party=party, now=system.clock())
    json.dumps(made.options)
    return made


def with_passkey(system: System, caller: Caller, device: Authenticator) -> Opened:
    asked = begun(system, caller)
    return entrance.enrol_passkey(
        system.sessions,
        caller=caller,
        challenge=asked.challenge,
        answer=device.make(asked.options),
        name="My phone",
        party=PARTY,
        sender=SENDER,
        client=BROWSER,
        now=system.clock(),
    )


def asked_to_sign(system: System, caller: Caller) -> passkeys.ToSign:
    with system.sessions.begin() as db:
        return passkeys.begin_showing(db, caller=caller, party=PARTY, now=system.clock())


def signed(
    system: System,
    caller: Caller,
    asked: passkeys.ToSign,
    answer: dict[str, object],
    party: RelyingParty = PARTY,
) -> Opened:
    return entrance.show_passkey(
        system.sessions,
        caller=caller,
        challenge=asked.challenge,
        answer=answer,
        party=party,
        client=BROWSER,
        now=system.clock(),
    )


def test_a_passkey_is_a_second_factor(
    system: System, mailbox: Mailbox, ada: Person, clock: MovableClock
) -> None:
    device = Authenticator()
    opened = with_passkey(system, caller_of(system, sign_in(system, mailbox, ADA)), device)
    assert caller_of(system, opened).missing == ""
    work(system)
    assert "A passkey was added" in "".join(mailbox.texts(ADA))
    clock.advance(minutes=2)
    caller = caller_of(system, sign_in(system, mailbox, ADA))
    assert caller.missing == "factor"
    asked = asked_to_sign(system, caller)
    json.dumps(asked.options)
    answer = device.sign(asked.options)
    stepped = signed(system, caller, asked, answer)
    assert caller_of(system, stepped).missing == ""
    with pytest.raises(Unauthorised):  # the same answer again, from the session that it opened
        signed(system, caller_of(system, stepped), asked, answer)
    with system.sessions.begin() as db:
        (key,) = queries.passkeys_of(db, ada.id)
        assert (key.name, key.sign_count, key.last_used_at) == ("My phone", 1, clock())
        passkeys.remove_passkey(
            db, key.id, caller=caller_of(system, stepped), sender=SENDER, client=BROWSER, now=clock()
        )
    assert caller_of(system, stepped).missing == "enrolment"


def test_what_another_signed_or_for_another_page_is_refused(
    system: System, mailbox: Mailbox, ada: Person, clock: MovableClock
) -> None:
    assert ada
    device, evil = Authenticator(), Authenticator("https://evil.test")
    with_passkey(system, caller_of(system, sign_in(system, mailbox, ADA)), device)
    evil.id, evil.key = device.id, device.key
    stranger = Authenticator()
    stranger.id = device.id
    clock.advance(minutes=2)
    caller = caller_of(system, sign_in(system, mailbox, ADA))
    for answer_of in (evil.sign, stranger.sign, Authenticator().sign):
        asked = asked_to_sign(system, caller)
        with pytest.raises(Unauthorised):
            signed(system, caller, asked, answer_of(asked.options))
    clock.advance(minutes=15)
    asked = asked_to_sign(system, caller)
    for answer in ({}, {"rawId": 1}, {"rawId": "x", "response": None}):
        with pytest.raises(Unauthorised):
            signed(system, caller, asked, answer)
    asked = asked_to_sign(system, caller)
    clock.advance(minutes=5, seconds=1)
    with pytest.raises(Unauthorised):
        signed(system, caller, asked, device.sign(asked.options))


def test_a_copied_passkey_is_noticed(
    system: System, mailbox: Mailbox, ada: Person, clock: MovableClock
) -> None:
    assert ada
    device = Authenticator()
    with_passkey(system, caller_of(system, sign_in(system, mailbox, ADA)), device)
    clock.advance(minutes=2)
    caller = caller_of(system, sign_in(system, mailbox, ADA))
    asked = asked_to_sign(system, caller)
    opened = signed(system, caller, asked, device.sign(asked.options, advance=7))
    caller = caller_of(system, opened)
    asked = asked_to_sign(system, caller)
    with pytest.raises(Unauthorised):
        signed(system, caller, asked, device.sign(asked.options, advance=-3))


def test_a_passkey_made_for_another_page_is_not_kept(system: System, mailbox: Mailbox, ada: Person) -> None:
    caller = caller_of(system, sign_in(system, mailbox, ADA))
    for device in (Authenticator("https://evil.test"), Authenticator()):
        asked = begun(system, caller)
        answer = device.make(
            asked.options | {"challenge": "AAAA"} if device.origin == PARTY.origins[0] else asked.options
        )
        with pytest.raises(Invalid):
            entrance.enrol_passkey(
                system.sessions,
                caller=caller,
                challenge=asked.challenge,
                answer=answer,
                name="",
                party=PARTY,
                sender=SENDER,
                client=BROWSER,
                now=system.clock(),
            )
    with system.sessions.begin() as db:
        assert queries.passkeys_of(db, ada.id) == []


def test_whom_passkeys_are_for(system: System) -> None:
    assert relying_party(system.settings) == RelyingParty("localhost", ("http://localhost:8000",))


def test_keys_and_strangers_have_no_factors(
    system: System, mailbox: Mailbox, ada: Person, known: Callable[[str, Role], Person]
) -> None:
    assert ada
    assert known
    caller = caller_of(system, sign_in(system, mailbox, ADA))
    for one in (replace(caller, session=None), replace(caller, person=None)):
        with pytest.raises(Forbidden):
            proven(system, one, "123456")
        with pytest.raises(Forbidden):
            offered(system, one)
