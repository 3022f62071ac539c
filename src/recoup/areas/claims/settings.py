"""What claims is told from outside: where the virus scanner is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recoup.settings import Env, Section


class ClaimsSettings(Section):
    """The section ``[claims]``."""

    clamd: Annotated[str | None, Env("CLAMD_ADDRESS")] = None
    """Where clamd listens, ``host:port`` or the path of its socket. Without it no virus scanner is asked; with it a
    document that it has not looked at is held back."""
    examine_at_once: int = Field(default=0, ge=0, le=64)
    """How many documents are read at the same time; 0: as many as there are processors."""
    examine_memory_mb: int = Field(default=1024, ge=256, le=65_536)
    """How much memory reading one document may take; a document that needs more is refused."""
    examine_seconds: int = Field(default=10, ge=2, le=120)
    """How long reading one document may take; a document that takes longer is refused."""
