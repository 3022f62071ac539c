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
    "claims.assigned": "Claim {number} is on another desk.",
    "claims.flagged": "Claim {number} should be looked at twice.",
    "claims.flag_resolved": "Somebody looked at a flag of claim {number}: it was {finding}. {note}",
    "claims.written": "Somebody wrote on claim {number}.",
    "claims.document_added": "{name} was added to claim {number}.",
    "claims.document_withdrawn": "{name} was withdrawn: {reason}",
    "claims.document_infected": "The virus scanner found {found} in {name}.",
    "claims.document_released": "The virus scanner found nothing in {name}.",
    "claims.virus_refused": "{name} was refused: the virus scanner found {found} in it.",
    "claims.moved_together": "{what}: {count} claims at once. {note}",
    "claims.reading_settled": "What was read in a document of claim {number} is {finding}: {field} {value}",
    "claims.reached": "The claimant of {number} was told in another way: {note}",
    "claims.mail_refused": "A mail about this claim did not arrive: {reason}",
    "claims.policies_imported": "Policies came from {name}: {added} added, {changed} changed, {rejected} not taken.",
    "claims.history_imported": "Past claims came from {name}: {added} added, {changed} changed, {rejected} not taken.",
    "claims.unaddressable": "The claimant of {number} cannot be written to: {reason}",
}
LEADS: Mapping[str, str | Callable[[str], str]] = {
    "claims/claim": "/desk/claims/{}",
    "claims/bulk": "/desk/claims/bulk/{}",
    "claims/policies": "/desk/claims/policies",
    "claims/history": "/desk/runs/{}",
}
