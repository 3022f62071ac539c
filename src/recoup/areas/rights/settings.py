"""What rights is told from outside: content owners, how to sign in for them, whom to tell."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from recoup.settings import Env, Section

ReportKind = Literal["claim", "asset"]


class OwnerSettings(BaseModel):
    """One content owner under ``[[rights.owners]]``; what is left out is taken from ``[rights]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    title: str = ""
    credentials: str | None = None
    recipients: tuple[str, ...] = ()
    least_changes: int | None = Field(default=None, ge=0)
    slack_webhook: SecretStr | None = None


class RightsSettings(Section):
    """The section ``[rights]``."""

    owner: Annotated[str | None, Env("YOUTUBE_CONTENT_OWNER_ID")] = None
    """The external id of the one content owner (22 characters), where ``owners`` names none; or ``aws:NAME``, the
    secret of AWS Secrets Manager that holds it."""
    title: str = ""
    """What people call the one content owner."""
    owners: tuple[OwnerSettings, ...] = ()
    """Several content owners, each a table."""
    kinds: tuple[ReportKind, ...] = ("claim", "asset")
    """Which reports are collected: ``claim`` (a row per claim) and ``asset`` (how many claims each asset has)."""

    credentials: Annotated[str | None, Env("YOUTUBE_CREDENTIALS_FILE")] = None
    """A file with an authorised user's token (google-auth), or ``aws:NAME`` for a secret of AWS Secrets Manager.
    Without it: what ``recoup rights authorise`` wrote."""
    token: Annotated[SecretStr | None, Env("YOUTUBE_TOKEN_JSON")] = None
    """The same token as JSON text, in place of a file."""
    secrets_region: Annotated[str | None, Env("AWS_REGION")] = None
    """The region of AWS Secrets Manager, which is asked only about what begins with ``aws:``."""
    secrets_prefix: str = "distronation/"
    """What the names of our secrets begin with there."""
    reporting_url: str = "https://youtubereporting.googleapis.com"
    """Where the YouTube Reporting API is."""
    partner_url: str = "https://youtubepartner.googleapis.com/youtube/partner/v1"
    """Where the Content ID API is, which is asked about single claims."""

    recipients: tuple[str, ...] = ()
    """Who is told of changes by mail; an owner may name others."""
    least_changes: int = Field(default=1, ge=0)
    """People are told of a snapshot with at least so many changes."""
    slack_webhook: SecretStr | None = None
    """The address of a Slack-compatible webhook that is told, too."""
    memory_mb: int = Field(default=256, ge=100, le=1_000_000)
    """Memory that comparing reports may use; with little it goes on in files, and takes a little longer."""


def owners_of(settings: RightsSettings) -> list[OwnerSettings]:
    """Return the content owners that are set up, each with what it takes from ``[rights]``."""
    named = settings.owners or (
        (OwnerSettings(id=settings.owner, title=settings.title),) if settings.owner else ()
    )
    return [
        one.model_copy(
            update={
                "title": one.title or one.id,
                "credentials": one.credentials or settings.credentials,
                "recipients": one.recipients or settings.recipients,
                "least_changes": settings.least_changes if one.least_changes is None else one.least_changes,
                "slack_webhook": one.slack_webhook or settings.slack_webhook,
            }
        )
        for one in named
    ]
