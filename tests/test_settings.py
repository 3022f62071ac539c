from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from recoup.settings import Env, EnvPattern, MailSettings, Section, Settings, SettingsError, load
from recoup.settings_layers import LIMIT_BYTES

SECRET = "hunter2-correct-horse"


class Stream(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str
    environment: str
    plan: str
    token: SecretStr | None = None


class Dimension(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    formula: str


class Metering(Section):
    """A section as an area would declare it."""

    bucket: Annotated[str | None, Env("S3_BUCKET_NAME")] = None
    service: Annotated[str | None, Env("SERVICE_NAME")] = None
    environment: Annotated[str | None, Env("ENVIRONMENT_TYPE")] = None
    plan: Annotated[str | None, Env("PLAN_ID")] = None
    client_id: Annotated[str | None, Env("CLAZAR_CLIENT_ID")] = None
    client_secret: Annotated[SecretStr | None, Env("CLAZAR_CLIENT_SECRET")] = None
    cloud: Annotated[str, Env("CLAZAR_CLOUD")] = "aws"
    api_url: Annotated[str, Env("CLAZAR_API_URL")] = "https://api.clazar.io/metering/"
    state_file: Annotated[Path, Env("STATE_FILE_PATH")] = Path("metering_state.json")
    max_hours: Annotated[int, Env("MAX_HOURS_PER_RUN"), Field(ge=1)] = 24
    dry_run: Annotated[bool, Env("DRY_RUN")] = False
    bound: Decimal = Decimal(5)
    tell: tuple[str, ...] = ()
    keys: dict[str, SecretStr] = Field(default_factory=dict)
    dimensions: Annotated[tuple[Dimension, ...], EnvPattern(r"DIMENSION(\d+)_(NAME|FORMULA)")] = ()
    streams: tuple[Stream, ...] = ()


def load_from(cwd: Path, environ: dict[str, str] | None = None) -> Settings:
    return load(cwd=cwd, environ=environ or {}, sections={"metering": Metering})


def metering(settings: Settings) -> Metering:
    return settings.section("metering", Metering)


def origin(settings: Settings, name: str) -> str:
    return next(row.origin for row in settings.explain() if row.name == name)


def refusal(cwd: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load_from(cwd, environ)
    assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.detail} {caught.value.fix}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value.detail


# ---------------------------------------------------------------- layers


def test_nothing_needs_to_be_set(tmp_path: Path) -> None:
    settings = load_from(tmp_path)
    assert settings.home == settings.process.home == tmp_path / "var"
    assert (settings.process.host, settings.process.port) == ("127.0.0.1", 8000)
    assert settings.process.database_url is None
    assert 1 <= settings.process.readers <= 8
    assert settings.process.worker_threads == 8
    assert (settings.mail.smtp_host, settings.mail.smtp_port, settings.mail.smtp_security) == (
        None,
        587,
        "starttls",
    )
    assert settings.files.store == str(tmp_path / "var" / "files")
    assert settings.unused == ()
    assert {row.origin for row in settings.explain()} == {"default"}


LAYERS = (
    "environment (CLAZAR_CLOUD)",
    ".env line 2",
    "config.env line 3",
    "recoup.toml [metering] cloud",
    "default",
)


@pytest.mark.parametrize("strongest", range(5))
def test_the_strongest_layer_wins_and_says_so(tmp_path: Path, strongest: int) -> None:
    environ = {"CLAZAR_CLOUD": "layer0"} if strongest <= 0 else {}
    if strongest <= 1:
        (tmp_path / ".env").write_text("\nCLAZAR_CLOUD=layer1\n")
    if strongest <= 2:
        (tmp_path / "config.env").write_text("\n\nexport CLAZAR_CLOUD='layer2'\n")
    if strongest <= 3:
        (tmp_path / "recoup.toml").write_text("[metering]\ncloud = 'layer3'\n")
    settings = load_from(tmp_path, environ)
    assert metering(settings).cloud == ("aws" if strongest == 4 else f"layer{strongest}")
    assert origin(settings, "metering.cloud") == LAYERS[strongest]


def test_an_empty_value_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "config.env").write_text("SMTP_HOST=mail.test\nPLAN_ID=''\n")
    (tmp_path / "recoup.toml").write_text('[metering]\nplan = "pt-1"\ncloud = ""\n')
    (tmp_path / "empty").write_text("\n")
    environ = {
        "SMTP_HOST": "",
        "RECOUP_PORT": "",
        "RECOUP_PROT": "",
        "SMTP_USER_FILE": "",
        "SMTP_USER": "alice",
    }
    settings = load_from(tmp_path, environ | {"CLAZAR_CLOUD_FILE": "empty"})
    assert settings.mail.smtp_user == "alice"
    assert settings.mail.smtp_host == "mail.test"
    assert settings.process.port == 8000
    assert settings.unused == ()
    assert (metering(settings).plan, metering(settings).cloud) == ("pt-1", "aws")


def test_the_own_name_wins_over_the_usual_one_in_one_layer_only(tmp_path: Path) -> None:
    settings = load_from(tmp_path, {"SMTP_HOST": "usual.test", "RECOUP_MAIL_SMTP_HOST": "own.test"})
    assert settings.mail.smtp_host == "own.test"
    assert origin(settings, "mail.smtp_host") == "environment (RECOUP_MAIL_SMTP_HOST)"
    (tmp_path / ".env").write_text("RECOUP_MAIL_SMTP_HOST=own.test")
    assert load_from(tmp_path, {"SMTP_HOST": "usual.test"}).mail.smtp_host == "usual.test"


def test_the_brief_s_environment_works_as_written(tmp_path: Path) -> None:
    (tmp_path / "config.env").write_text(BRIEF_EXPORTS)
    settings = load_from(tmp_path)
    part = metering(settings)
    assert (part.bucket, part.service, part.environment) == (
        "omnistrate-usage-metering-export-demo",
        "Postgres",
        "PROD",
    )
    assert (part.plan, part.client_id, part.cloud) == ("pt-HJSv20iWX0", "your-clazar-client-id", "aws")
    assert part.client_secret is not None
    assert part.client_secret.get_secret_value() == "your-clazar-client-secret"
    assert (part.api_url, part.max_hours) == ("https://api.clazar.io/metering/", 24)
    assert part.state_file == Path("./metering_state.json")
    assert origin(settings, "metering.cloud") == "config.env line 8"


def test_the_brief_s_config_env_works_as_written(tmp_path: Path) -> None:
    (tmp_path / "config.env").write_text(BRIEF_CONFIG_ENV)
    settings = load_from(tmp_path, {"CLAZAR_CLIENT_SECRET": SECRET})
    assert metering(settings).bucket == "omnistrate-usage-metering-export-demo"
    assert metering(settings).max_hours == 24
    assert origin(settings, "metering.bucket") == "config.env line 2"
    assert origin(settings, "metering.client_secret") == "environment (CLAZAR_CLIENT_SECRET)"


def test_streams_come_from_toml_and_paths_are_the_working_directory_s(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "prod.toml").write_text(
        "[recoup]\nhome = 'data'\npg_bin = '/opt/pg/bin'\n"
        "[metering]\nbound = 0.10\n"
        "[[metering.streams]]\nservice = 'Postgres'\nenvironment = 'PROD'\nplan = 'pt-1'\n"
        f"[[metering.streams]]\nservice = 'Redis'\nenvironment = 'DEV'\nplan = 'pt-2'\ntoken = '{SECRET}'\n"
    )
    settings = load_from(tmp_path, {"RECOUP_CONFIG": "etc/prod.toml", "RECOUP_FILES_STORE": "kept"})
    assert settings.home == tmp_path / "data"
    assert settings.process.pg_bin == Path("/opt/pg/bin")
    assert settings.files.store == str(tmp_path / "kept")
    assert settings.unused == ()
    assert [stream.plan for stream in metering(settings).streams] == ["pt-1", "pt-2"]
    assert str(metering(settings).bound) == "0.10"  # a TOML number never was a float
    shown = {row.name: (row.value, row.origin) for row in settings.explain()}
    assert shown["metering.streams.2.service"] == ("Redis", "etc/prod.toml [metering] streams")
    assert shown["metering.streams.1.token"][0] == "not set"
    assert shown["metering.streams.2.token"][0] == "set"


def test_a_numbered_family_is_gathered_over_layers(tmp_path: Path) -> None:
    (tmp_path / "config.env").write_text(
        "DIMENSION10_NAME=ten\nDIMENSION2_FORMULA=weak\nDIMENSION2_NAME=two\n"
    )
    (tmp_path / "formula").write_text("cpu_core_hours * 10\n")
    (tmp_path / "recoup.toml").write_text("[[metering.dimensions]]\nname = 'toml'\nformula = '1'\n")
    environ = {
        "DIMENSION2_FORMULA": "cpu_core_hours * 2",
        "DIMENSION10_FORMULA_FILE": "formula",
        "DIMENSION_NAME": "x",
    }
    settings = load_from(tmp_path, environ)
    assert metering(settings).dimensions == (
        Dimension(name="two", formula="cpu_core_hours * 2"),
        Dimension(name="ten", formula="cpu_core_hours * 10"),
    )
    assert origin(settings, "metering.dimensions.1.name") == "config.env line 3"
    assert origin(settings, "metering.dimensions.1.formula") == "environment (DIMENSION2_FORMULA)"
    assert origin(settings, "metering.dimensions.2.formula") == "environment (DIMENSION10_FORMULA_FILE)"


def test_half_a_family_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, {"DIMENSION3_NAME": "pods"}) == (
        "metering.dimensions.1.formula is missing, beside environment (DIMENSION3_NAME)."
    )


def test_a_list_of_texts_is_written_with_commas(tmp_path: Path) -> None:
    settings = load_from(tmp_path, {"RECOUP_METERING_TELL": "alice@acme.test, bob@acme.test"})
    assert metering(settings).tell == ("alice@acme.test", "bob@acme.test")
    (tmp_path / "recoup.toml").write_text("[metering]\ntell = ['carol@acme.test']\n")
    assert metering(load_from(tmp_path)).tell == ("carol@acme.test",)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("s3://bucket/prefix", "s3://bucket/prefix"), ("/srv/files", "/srv/files")],
)
def test_a_store_is_s3_or_a_folder(tmp_path: Path, text: str, wanted: str) -> None:
    assert load_from(tmp_path, {"RECOUP_FILES_STORE": text}).files.store == wanted


def test_a_store_elsewhere_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, {"RECOUP_FILES_STORE": "gs://bucket"}) == (
        "files.store, from environment (RECOUP_FILES_STORE), is 'gs://bucket': "
        "expected a folder or s3://bucket/prefix."
    )


def test_settings_reach_a_child_process(tmp_path: Path) -> None:
    settings = load_from(tmp_path, {"CLAZAR_CLIENT_SECRET": SECRET})
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own bytes


def test_a_word_from_a_list_is_read_in_any_case(tmp_path: Path) -> None:
    settings = load_from(tmp_path, {"LOG_LEVEL": "WARNING", "SMTP_SECURITY": "TLS"})
    assert (settings.process.log_level, settings.mail.smtp_security) == ("warning", "tls")


def test_a_section_is_asked_for_by_its_type(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="no section metering"):
        load_from(tmp_path).section("metering", MailSettings)


# ---------------------------------------------------------------- secrets


def test_no_secret_is_shown(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        f"CLAZAR_CLIENT_SECRET={SECRET}\nDATABASE_URL=postgresql://u:{SECRET}@h/d\n"
    )
    settings = load_from(tmp_path, {"SMTP_PASSWORD": SECRET})
    rows = settings.explain()
    assert SECRET not in f"{settings!r} {settings} {rows} {settings.mail!r} {settings.process}"
    assert SECRET not in f"{copy.copy(settings)!r} {metering(settings).model_dump_json()}"
    shown = {row.name: (row.value, row.origin) for row in rows}
    assert shown["metering.client_secret"] == ("set", ".env line 1")
    assert shown["recoup.database_url"] == ("set", ".env line 2")
    assert shown["recoup.database_owner_url"] == ("not set", "default")
    assert shown["mail.smtp_password"] == ("set", "environment (SMTP_PASSWORD)")
    assert settings.mail.smtp_password is not None
    assert settings.mail.smtp_password.get_secret_value() == SECRET


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    settings = load_from(tmp_path, {"SMTP_PASSWORD_FILE": "password"})
    assert settings.mail.smtp_password == SecretStr(SECRET)
    assert origin(settings, "mail.smtp_password") == "environment (SMTP_PASSWORD_FILE)"
    (tmp_path / ".env").write_text("SMTP_PASSWORD=weaker\n")
    assert load_from(tmp_path, {"SMTP_PASSWORD_FILE": "password"}).mail.smtp_password == SecretStr(SECRET)
    assert load_from(tmp_path).mail.smtp_password == SecretStr("weaker")


def test_name_and_name_file_together_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"SMTP_PASSWORD={SECRET}\nSMTP_PASSWORD_FILE=password\n")
    assert (
        refusal(tmp_path) == "Both SMTP_PASSWORD (.env line 1) and SMTP_PASSWORD_FILE (.env line 2) are set."
    )


def test_a_file_that_is_named_must_be_readable(tmp_path: Path) -> None:
    assert refusal(tmp_path, {"SMTP_PASSWORD_FILE": "gone"}) == (
        f"{tmp_path}/gone, which SMTP_PASSWORD_FILE (environment (SMTP_PASSWORD_FILE)) names, is not there."
    )
    assert "is not there" in refusal(tmp_path, {"RECOUP_CONFIG": "gone.toml"})
    assert "cannot be read: Is a directory" in refusal(tmp_path, {"SMTP_PASSWORD_FILE": "."})
    (tmp_path / "large").write_bytes(b"x" * (LIMIT_BYTES + 1))
    assert "is larger than 1000000 bytes" in refusal(tmp_path, {"SMTP_PASSWORD_FILE": "large"})


def test_a_wrong_value_of_a_secret_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "recoup.toml").write_text(
        f"[metering]\nclient_secret = 5550123\nclient_secrt = '{SECRET}'\nkeys = {{ alice = 5550123 }}\n"
        f"streams = [{{ service = 'a', environment = 'b', plan = 'c', token = {{ value = '{SECRET}' }} }}]\n"
    )
    told = refusal(tmp_path)
    assert "5550123" not in told
    assert (
        "metering.client_secret, from recoup.toml [metering] client_secret, cannot be used: expected text"
        in told
    )
    assert "metering.client_secrt, from recoup.toml [metering] client_secrt, is no setting" in told
    assert "(did you mean client_secret?)" in told
    assert "metering.keys.alice, from recoup.toml [metering] keys, cannot be used" in told
    assert "metering.streams.1.token, from recoup.toml [metering] streams, cannot be used" in told


def test_a_section_made_by_hand_does_not_repeat_its_input() -> None:
    with pytest.raises(ValidationError) as caught:
        MailSettings.model_validate({"smtp_password": [SECRET]})
    assert SECRET not in str(caught.value)


# ---------------------------------------------------------------- what cannot be used


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        (
            "[recoup]\nprot = 1",
            "recoup.prot, from recoup.toml [recoup] prot, is no setting (did you mean port?).",
        ),
        ("[metring]\ncloud = 'aws'", "recoup.toml: there is no section [metring] (did you mean metering?)."),
        ("smtp_port = 25", "recoup.toml: smtp_port stands outside any section; put it below [mail]."),
        ("mail = 3", "recoup.toml: mail must be a section, written [mail]."),
        (
            "[recoup]\nport = 'x'",
            "recoup.port, from recoup.toml [recoup] port, is 'x': expected a whole number.",
        ),
        (
            "[recoup]\nport = 1.5",
            "recoup.port, from recoup.toml [recoup] port, is '1.5': expected a whole number.",
        ),
        (
            "[recoup]\nport = 70000",
            "recoup.port, from recoup.toml [recoup] port, is '70000': expected 65535 or less.",
        ),
        (
            "[recoup]\nhost = [1]",
            "recoup.host, from recoup.toml [recoup] host, cannot be used: expected text.",
        ),
        ("[recoup]\nhost = 1", "recoup.host, from recoup.toml [recoup] host, is '1': expected text."),
        ("[recoup]\nhome = '~/x'", "is '~/x': ~ is not understood here, write the whole path."),
        ("[mail]\nsmtp_security = 'ssl'", "is 'ssl': expected 'starttls', 'tls' or 'none'."),
        ("[metering]\ndry_run = 'perhaps'", "is 'perhaps': expected true or false."),
        ("[metering]\nbound = 'much'", "is 'much': expected a decimal number such as 1.5."),
        ("[metering]\nstreams = 'one'", "is 'one': expected a list."),
        (
            "[metering]\nstreams = ['one']",
            "metering.streams.1, from recoup.toml [metering] streams, is 'one'",
        ),
        (
            "[[metering.streams]]\nservise = 'x'",
            "metering.streams.1.servise, from recoup.toml [metering] streams",
        ),
        ("[[metering.streams]]\nservise = 'x'", "is no setting (did you mean service?)."),
        ("[recoup\n", "recoup.toml is not TOML:"),
        ("a = 1e9999999999999999999999", "recoup.toml is not TOML:"),
    ],
)
def test_recoup_toml_is_refused_with_a_sentence(tmp_path: Path, toml: str, told: str) -> None:
    (tmp_path / "recoup.toml").write_text(toml)
    assert told in refusal(tmp_path)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "recoup.toml").write_text("[recoup]\nprot = 1\n[mail]\nsmtp_port = 0\n")
    told = refusal(tmp_path, {"MAX_HOURS_PER_RUN": "0", "RECOUP_HOME": "~"})
    assert "recoup.prot" in told
    assert "mail.smtp_port" in told
    assert "metering.max_hours, from environment (MAX_HOURS_PER_RUN), is '0': expected 1 or more." in told
    assert "recoup.home, from environment (RECOUP_HOME)" in told


def test_a_mistyped_name_in_the_environment_is_remarked(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RECOUP_MAIL_SMTP_PASWORD_FILE=x\nSOMEBODY_ELSES=1\n")
    settings = load_from(
        tmp_path, {"RECOUP_PROT": "1", "RECOUP_HOST": "127.0.0.2", "RECOUP_METERING_STREAMS": "x"}
    )
    assert settings.unused == (
        "RECOUP_PROT, set in environment (RECOUP_PROT), is no setting (did you mean RECOUP_PORT?).",
        "RECOUP_METERING_STREAMS, set in environment (RECOUP_METERING_STREAMS), is no setting.",
        "RECOUP_MAIL_SMTP_PASWORD_FILE, set in .env line 1, is no setting (did you mean RECOUP_MAIL_SMTP_PASSWORD?).",
    )


BRIEF_EXPORTS = """\
# Required Configuration
export S3_BUCKET_NAME="omnistrate-usage-metering-export-demo"
export SERVICE_NAME="Postgres"
export ENVIRONMENT_TYPE="PROD"
export PLAN_ID="pt-HJSv20iWX0"
export CLAZAR_CLIENT_ID="your-clazar-client-id"
export CLAZAR_CLIENT_SECRET="your-clazar-client-secret"
export CLAZAR_CLOUD="aws"  # or "azure", "gcp"

# Optional Configuration (with defaults)
export CLAZAR_API_URL="https://api.clazar.io/metering/"
export STATE_FILE_PATH="./metering_state.json"
export MAX_HOURS_PER_RUN="24"
"""

BRIEF_CONFIG_ENV = """\
# config.env
S3_BUCKET_NAME=omnistrate-usage-metering-export-demo
SERVICE_NAME=Postgres
ENVIRONMENT_TYPE=PROD
PLAN_ID=pt-HJSv20iWX0
CLAZAR_API_URL=https://api.clazar.io/metering/
STATE_FILE_PATH=./metering_state.json
MAX_HOURS_PER_RUN=24
"""
