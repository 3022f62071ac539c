"""How events of claims read, and where their subjects lead."""

from __future__ import annotations

from collections.abc import Callable, Mapping

EVENTS: Mapping[str, str] = {
    "claims.filed": "Claim {number} was filed on policy {policy}.",
    "claims.moved": "Claim {number} went from {was} to {status}.",
    "claims.noted": "A note was added to claim {number}.",
    "claims.second_asked": "An approval of claim {number} waits for a second person.",
    "claims.second_declined": "An approval of claim {number} was sent back: {note}",
    "claims.payment_ended": "The payment of claim {number} is {state}: {reference}",
    "claims.assigned": "Claim {number} was given to somebody else.",
    "claims.flagged": "Claim {number} should be looked at twice.",
    "claims.flag_resolved": "Somebody looked at a flag of claim {number}: it was {finding}. {note}",
    "claims.written": "Somebody wrote on claim {number}.",
    "claims.document_added": "{name} was added to claim {number}.",
    "claims.document_withdrawn": "{name} was withdrawn: {reason}",
    "claims.document_infected": "The virus scanner found {found} in {name}.",
    "claims.document_released": "The virus scanner found nothing in {name}.",
    "claims.virus_refused": "{name} was refused: the virus scanner found {found} in it.",
    "claims.mail_refused": "A mail about this claim did not arrive: {reason}",
    "claims.unaddressable": "The claimant of {number} cannot be written to: {reason}",
}
LEADS: Mapping[str, str | Callable[[str], str]] = {"claims/claim": "/desk/claims/{}"}
