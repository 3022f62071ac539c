"""What an administrator may change about notices, while everything runs."""

from __future__ import annotations

from recoup.office.controls.rules import Control

SMS_PER_DAY = Control(
    "notices.sms_per_day",
    int,
    10,
    "How many notices by SMS one person gets in a day. Later ones are not sent; the mail says the same.",
    minimum=1,
    maximum=100,
)
CODES_PER_DAY = Control(
    "notices.codes_per_day",
    int,
    200,
    "How many codes that verify a telephone number leave this house in 24 hours. Each is an SMS that costs money.",
    minimum=0,
    maximum=100_000,
)
CONTROLS = (SMS_PER_DAY, CODES_PER_DAY)
