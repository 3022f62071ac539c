"""The settings of people: the secret that signs, seals and salts."""

from __future__ import annotations

from recoup.core.sealing import SecretSettings


class PeopleSettings(SecretSettings):
    """``[people]`` in recoup.toml."""
