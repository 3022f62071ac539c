"""What metering is told from outside: the producer's bucket, the streams, the marketplace. The brief's names work."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from recoup.settings import Env, EnvPattern, Section

Cloud = Annotated[Literal["aws", "azure", "gcp"], BeforeValidator(lambda value: str(value).lower())]


class DimensionSettings(BaseModel):
    """A dimension that is submitted, computed from measured ones, such as ``pods`` from ``pod_hours / 2``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    formula: str


class StreamSettings(BaseModel):
    """One stream under ``[[metering.streams]]``; what is left out is taken from ``[metering]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str
    environment: str
    plan: str
    cloud: Cloud | None = None
    source: str | None = None
    start: datetime | None = None
    dimensions: tuple[DimensionSettings, ...] | None = None


class MeteringSettings(Section):
    """The section ``[metering]``."""

    bucket: Annotated[str | None, Env("S3_BUCKET_NAME")] = None
    """The producer's bucket, which holds the hour files."""
    source: str | None = None
    """Where the hour files are, if not in ``bucket``: ``s3://bucket?endpoint=…`` or a folder."""
    prefix: str = "omnistrate-metering"
    """The folder of the bucket that the hour files are under."""
    service: Annotated[str | None, Env("SERVICE_NAME")] = None
    """The service of the one stream, where ``streams`` names none."""
    environment: Annotated[str | None, Env("ENVIRONMENT_TYPE")] = None
    """The environment of the one stream, such as PROD."""
    plan: Annotated[str | None, Env("PLAN_ID")] = None
    """The plan of the one stream."""
    cloud: Annotated[Cloud, Env("CLAZAR_CLOUD")] = "aws"
    """Whose marketplace bills: aws, azure or gcp."""
    streams: tuple[StreamSettings, ...] = ()
    """Several streams, each a table."""
    dimensions: Annotated[tuple[DimensionSettings, ...], EnvPattern(r"DIMENSION(\d+)_(NAME|FORMULA)")] = ()
    """Empty: every measured dimension is submitted as it is."""

    clazar_client_id: Annotated[str | None, Env("CLAZAR_CLIENT_ID")] = None
    """The name that Clazar knows us by."""
    clazar_client_secret: Annotated[SecretStr | None, Env("CLAZAR_CLIENT_SECRET")] = None
    """The secret that goes with it."""
    clazar_url: Annotated[str, Env("CLAZAR_API_URL")] = "https://api.clazar.io/metering/"
    """Where usage is submitted."""

    max_hours_per_run: Annotated[int, Env("MAX_HOURS_PER_RUN")] = Field(default=24, ge=1, le=10_000)
    """How many hours one run takes of each stream at most."""
    state_file: Annotated[str | None, Env("STATE_FILE_PATH")] = None
    """The state file of the script that this replaces: read at the first run, kept up to date afterwards."""
    dry_run: Annotated[bool, Env("DRY_RUN")] = False
    """Plan everything and submit nothing."""
    start: datetime | None = None
    """The first hour; without it 24 hours before the first run."""

    complete_by: Literal["auto", "marker", "settle"] = "auto"
    """``marker``: only the producer's marker closes an hour. ``settle``: only time does. ``auto``: the marker, where
    it names the stream, and time where it does not."""
    settle_minutes: int = Field(default=90, ge=0, le=100_000)
    """How long after its end an hour is complete, where no marker says so."""
    fold_repeats: bool = True
    """Count a record that stands in the files several times once."""
    zeros: Literal["skip", "send"] | None = None
    """What happens to a quantity of zero; without it the cloud's own rule."""
    whole_numbers: bool | None = None
    """Submit whole numbers and carry the rest; without it the cloud's own rule."""
    currency: str = "USD"
    """The currency of pricePerUnit, which the producer's files do not name."""
    recheck_hours: int = Field(default=48, ge=0, le=24 * 40)
    """How long a window that was taken is looked at again for late and changed files."""
    most_bad_percent: int = Field(default=20, ge=0, le=100)
    """More unusable records than this hold the window instead of submitting the rest."""
    most_records: int = Field(default=50_000_000, ge=1)
    """A window with more records than this waits for a person."""
