"""Rights: YouTube's daily reports of claims and assets, collected, compared with the day before, told and priced."""
