"""What claimants are told in a few words, by SMS and in a browser: the claim's number and what became of it.

A lock screen is read by others. So there is no amount, no reason, no kind of claim and no name of a file here; all of
that stands in the mail.
"""

from __future__ import annotations


def filed(number: str) -> str:
    """Say that a claim was filed."""
    return f"Claim {number} was filed."


def moved(number: str, status: str, *, is_asked: bool) -> str:
    """Say what a claim is now, in the words of its status; ``is_asked``: we wait for the claimant."""
    if is_asked:
        return f"We need something from you for claim {number}."
    return f"Claim {number} is now {status.lower()}."


def noted(number: str, *, is_request: bool) -> str:
    """Say that a reviewer wrote, or asks for something."""
    if is_request:
        return f"We need something from you for claim {number}."
    return f"There is a message about claim {number}."


def lost(number: str) -> str:
    """Say that a document could not be taken after all."""
    return f"A document of claim {number} could not be taken. Please look."
