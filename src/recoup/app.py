"""The composition root: settings in, a running system out; the one list of areas and adapters."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, sessionmaker

from recoup.adapters.clamd import Clamd
from recoup.adapters.clazar import ClazarChannel
from recoup.adapters.clazar_token import ClazarSettings
from recoup.adapters.mail import MailChannel
from recoup.adapters.secrets_manager import SecretsManager
from recoup.adapters.sms import SmsChannel, TwilioSettings
from recoup.adapters.smtp import SmtpSettings
from recoup.adapters.stores import open_store
from recoup.adapters.web_push import PushChannel
from recoup.adapters.webhook import WebhookChannel
from recoup.adapters.youtube import YouTubeReports
from recoup.adapters.youtube_secrets import NamedOwners, OwnerCredentials
from recoup.adapters.youtube_sign_in import YouTubeSignIn
from recoup.areas.claims.area import AREA as CLAIMS
from recoup.areas.claims.documents.keeper import Keeper
from recoup.areas.claims.documents.limits import Limits
from recoup.areas.claims.settings import ClaimsSettings
from recoup.areas.metering.area import AREA as METERING
from recoup.areas.metering.settings import MeteringSettings
from recoup.areas.rights.area import AREA as RIGHTS
from recoup.areas.rights.service import signing
from recoup.areas.rights.settings import RightsSettings, owners_of
from recoup.core.clock import Clock, utc_now
from recoup.core.db import connect, one_by_one, session_factory, wait_until_ready
from recoup.core.errors import Misconfigured
from recoup.core.parts import Parts
from recoup.core.ports import Channel, ChannelDown, ReportSource, Scanner
from recoup.core.postgres import EmbeddedPostgres
from recoup.core.push import VapidKeys
from recoup.core.system import Caller, Ports, Presented, System
from recoup.core.workers import worker_name
from recoup.migrations import schema
from recoup.office.controls.area import AREA as CONTROLS
from recoup.office.desk.area import AREA as DESK
from recoup.office.files.area import AREA as FILES
from recoup.office.jobs import service as jobs
from recoup.office.jobs.area import AREA as JOBS
from recoup.office.journal.area import AREA as JOURNAL
from recoup.office.messages import catalogue, outgoing
from recoup.office.messages import service as messages
from recoup.office.messages.area import AREA as MESSAGES
from recoup.office.notices.area import AREA as NOTICES
from recoup.office.notices.service import push_keys
from recoup.office.notices.settings import NoticesSettings
from recoup.office.notices.ways import Ways
from recoup.office.outbox.area import AREA as OUTBOX
from recoup.office.owed.area import AREA as OWED
from recoup.office.people import identity
from recoup.office.people.access import AccessLog
from recoup.office.people.area import AREA as PEOPLE
from recoup.office.people.permissions import EVERYTHING
from recoup.office.people.secrets import Keys
from recoup.office.setup.area import AREA as SETUP
from recoup.settings import Settings, SettingsError, load
from recoup.web import keys
from recoup.web.area import Area

AREAS: tuple[Area, ...] = (RIGHTS, CLAIMS, METERING)
OFFICE: tuple[Area, ...] = (
    JOURNAL,
    OWED,
    FILES,
    CONTROLS,
    OUTBOX,
    MESSAGES,
    PEOPLE,
    NOTICES,
    JOBS,
    SETUP,
    DESK,
)
ALL = OFFICE + AREAS
catalogue.declare(*(mail for area in ALL for mail in area.mails))

DATABASE = "recoup"


@dataclass(frozen=True, slots=True)
class Databases:
    """Where the tables are: as the role that owns them, and as the application, which does not."""

    owner_url: str
    app_url: str


def read_settings(*, cwd: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of every part; raise Misconfigured with a sentence for each problem."""
    sections = {name: kind for area in ALL for name, kind in area.settings.items()}
    try:
        return load(
            cwd=cwd or Path.cwd(), environ=os.environ if environ is None else environ, sections=sections
        )
    except SettingsError as error:
        raise Misconfigured(str(error)) from None


@contextmanager
def database(settings: Settings) -> Iterator[Databases]:
    """Yield the database: the one that is configured, or our own, started for as long as somebody uses it."""
    process = settings.process
    if process.database_url is not None:
        app_url = _psycopg_url(process.database_url.get_secret_value())
        owner = process.database_owner_url
        yield Databases(_psycopg_url(owner.get_secret_value()) if owner else app_url, app_url)
        return
    with EmbeddedPostgres(settings.home, bin_dir=process.pg_bin) as postgres:
        roles = postgres.provision(database=DATABASE)
        yield Databases(roles.owner_url, roles.app_url)


@contextmanager
def running(settings: Settings, *, clock: Clock = utc_now) -> Iterator[System]:
    """Yield a running system: database up and migrated, jobs set up, ports open."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with database(settings) as databases, composed(settings, databases, clock=clock) as system:
        yield system


@contextmanager
def composed(
    settings: Settings,
    databases: Databases,
    *,
    clock: Clock = utc_now,
    channels: Mapping[str, Channel] | None = None,
) -> Iterator[System]:
    """Yield the system on a database that is there already; ``channels`` stand in for the real ones in tests."""
    engine = connect(databases.app_url, pool_size=max(10, settings.process.worker_threads + 8))
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        wait_until_ready(engine, seconds=60)
        schema.upgrade(databases.owner_url, app_url=databases.app_url)
        visits = AccessLog(session_factory(engine), settings.home)
        stack.callback(visits.close)
        system = _system(settings, databases, engine, clock=clock, channels=channels, visits=visits)
        opened = [
            *(system.ports.channels.values() if channels is None else ()),
            system.ports.reports,
            system.ports.documents,
        ]
        for channel in opened:
            if close := getattr(channel, "close", None):  # one that keeps connections open
                stack.callback(close)
        with system.sessions.begin() as db:
            jobs.set_up(db, system.parts.jobs, tell=settings.mail.alerts, now=clock())
            ways = Ways.of(settings)
            if ways.push:
                push_keys.set_up(db, sealer=ways.sealer, now=clock())
        yield system


def _system(
    settings: Settings,
    databases: Databases,
    engine: Engine,
    *,
    clock: Clock,
    channels: Mapping[str, Channel] | None,
    visits: AccessLog,
) -> System:
    sessions = session_factory(engine)
    return System(
        settings=settings,
        sessions=sessions,
        clock=clock,
        ports=Ports(
            files=open_store(_files_address(settings)),
            open_store=open_store,
            channels=_channels(settings, sessions, clock) if channels is None else channels,
            reports=_reports(settings, clock),
            sign_in=YouTubeSignIn(),
            documents=_documents(settings),
            scanner=_scanner(settings),
        ),
        parts=merged(ALL),
        worker=worker_name(),
        alert=_alert(settings),
        authenticate=_authenticate(settings, one_by_one(engine)),
        noted=visits.note,
        conninfo=make_url(databases.app_url)
        .set(drivername="postgresql")
        .render_as_string(hide_password=False),
    )


def merged(areas: Sequence[Area]) -> Parts:
    """Merge what the parts plug in; two things of one name are a mistake in our code."""
    tasks: dict[str, Callable[..., None]] = {}
    for area in areas:
        for name, function in area.tasks.items():
            if name in tasks:
                raise ValueError(f"two tasks are called {name}")
            tasks[name] = function
    return Parts(
        jobs={job.name: job for area in areas for job in area.jobs},
        deliveries={kind.name: kind for area in areas for kind in area.deliveries},
        tasks=tasks,
        sweeps=tuple(sweep for area in areas for sweep in area.sweeps),
        ticks=tuple(tick for area in areas for tick in area.ticks),
        checks=tuple(check for area in areas for check in area.checks),
        controls={control.name: control for area in areas for control in area.controls},
        desk=tuple(areas),
    )


def _channels(settings: Settings, sessions: sessionmaker[Session], clock: Clock) -> dict[str, Channel]:
    channels: dict[str, Channel] = {
        "mail": MailChannel(partial(_mail, settings, sessions), folder=settings.home / "mail")
    }
    webhooks = {
        owner.id: owner.slack_webhook.get_secret_value()
        for owner in owners_of(settings.section("rights", RightsSettings))
        if owner.slack_webhook
    }
    if webhooks:
        channels["webhook"] = WebhookChannel(webhooks.get, now=clock)
    notices = settings.section("notices", NoticesSettings)
    if Ways.of(settings).sms and notices.account_sid and notices.auth_token:
        twilio = TwilioSettings(
            account_sid=notices.account_sid,
            auth_token=notices.auth_token.get_secret_value(),
            sender=notices.sender,
            messaging_service=notices.messaging_service,
            url=notices.twilio_url,
        )
        channels["sms"] = SmsChannel(twilio, now=clock)
    if notices.push_contact:
        channels["push"] = PushChannel(
            partial(_push_keys, settings, sessions),
            contact=notices.push_contact,
            hosts=notices.push_hosts,
            now=clock,
        )
    metering = settings.section("metering", MeteringSettings)
    if metering.clazar_client_id and metering.clazar_client_secret:
        channels["clazar"] = ClazarChannel(
            ClazarSettings(
                client_id=metering.clazar_client_id,
                client_secret=metering.clazar_client_secret.get_secret_value(),
                metering_url=metering.clazar_url,
            ),
            now=clock,
        )
    return channels


def _reports(settings: Settings, clock: Clock) -> ReportSource | None:
    rights = settings.section("rights", RightsSettings)
    places = {owner.id: owner.credentials for owner in owners_of(rights)}
    if not places:
        return None
    secrets = (
        SecretsManager(rights.secrets_region, rights.secrets_prefix, now=clock)
        if rights.secrets_region
        else None
    )
    credentials = OwnerCredentials(
        places.get,
        written=partial(signing.authorised_path, settings.home),
        token=rights.token.get_secret_value() if rights.token else None,
        secrets=secrets,
    )
    source = YouTubeReports(
        credentials, now=clock, reporting_url=rights.reporting_url, partner_url=rights.partner_url
    )
    return NamedOwners(source, secrets)


def _documents(settings: Settings) -> Keeper:
    claims = settings.section("claims", ClaimsSettings)
    limits = Limits(memory=claims.examine_memory_mb * 1024 * 1024, clock=claims.examine_seconds)
    return Keeper(limits=limits, at_once=claims.examine_at_once or None)


def _scanner(settings: Settings) -> Scanner | None:
    address = settings.section("claims", ClaimsSettings).clamd
    return Clamd(address) if address else None


def _mail(settings: Settings, sessions: sessionmaker[Session]) -> SmtpSettings | None:
    """Return the mail server of the moment: an administrator may change it while everything runs."""
    with sessions.begin() as db:
        mail = outgoing.holding(db, settings)
    if mail.host is None:
        return None
    return SmtpSettings(
        host=mail.host, port=mail.port, security=mail.security, user=mail.user, password=mail.password
    )


def _push_keys(settings: Settings, sessions: sessionmaker[Session]) -> VapidKeys:
    """Return the keys by which push services know us; without them no notice at all can leave."""
    try:
        with sessions.begin() as db:
            return push_keys.holding(db, sealer=Ways.of(settings).sealer)
    except Misconfigured as error:
        raise ChannelDown(error.sentence()) from error


def _files_address(settings: Settings) -> str:
    address = settings.files.store
    if "://" not in address:
        Path(address).mkdir(parents=True, exist_ok=True)
    return address


class _alert:  # noqa: N801 - called like the function that it stands for
    """Tells the administrators by mail."""

    def __init__(self, settings: Settings) -> None:
        self._mail = settings.mail

    def __call__(self, db: Session, *, key: str, title: str, text: str, now: datetime) -> None:
        recipients = self._mail.alerts
        messages.alert(
            db, key=key, title=title, text=text, recipients=recipients, sender=self._mail.sender, now=now
        )


class _authenticate:  # noqa: N801 - called like the function that it stands for
    """Knows this installation's own key, and people by what they hold."""

    def __init__(self, settings: Settings, database: Engine) -> None:
        self._home = settings.home
        self._database = database
        self._keys = Keys.of(settings)

    def __call__(self, presented: Presented, *, now: datetime) -> Caller | None:
        if presented.how == "bearer" and keys.matches(self._home, presented.secret):
            return Caller("api", "key", permissions=EVERYTHING, role="administrator")
        return identity.authenticate(self._database, self._keys, presented, now=now)


def _psycopg_url(url: str) -> str:
    parsed = make_url(url)
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise Misconfigured("DATABASE_URL is not a PostgreSQL address.", fix="It starts with postgresql://.")
    return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
