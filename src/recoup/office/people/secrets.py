"""The keys that people's part derives from the one secret of this installation."""

from __future__ import annotations

from dataclasses import dataclass, field

from recoup.core.sealing import Sealer, derived, sealer_of
from recoup.office.people.rules.access_tokens import Signer
from recoup.settings import Settings


@dataclass(frozen=True, slots=True)
class Keys:
    """What salts codes, signs tokens and seals secrets."""

    pepper: bytes = field(repr=False)
    signer: Signer
    sealer: Sealer = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Keys:
        """Derive them; none says anything of another."""
        issuer = settings.web.address or "recoup"
        return cls(
            pepper=derived(settings, "pepper of mail codes"),
            signer=Signer(derived(settings, "access tokens"), issuer),
            sealer=sealer_of(settings),
        )
