"""Schemathesis over the routes of claims: whatever fits their description, or does not, is answered as described."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from recoup.core.system import System
from support.claims import CARL, FIELDS, REA, as_, claims_api, file_claim, policy_of, populate

EXAMPLES = 15
ROUTES = r"^/(claims|policies)"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with claims_api(system) as client:
        file_claim(client, policy_of(system, populate(system)[CARL]))
        yield client


def aimed(case: Any) -> Any:
    """Return a case that is about the claim and the policy that are there, which nobody would hit by chance."""
    for name in case.path_parameters or {}:
        case.path_parameters[name] = 1
    if case.path == "/claims" and isinstance(case.body, dict):
        case.body |= {"user_policy_id": 1, **FIELDS}
    return case


@pytest.mark.parametrize("who", [CARL, REA])
def test_schemathesis_finds_nothing(client: httpx2.Client, who: str) -> None:
    schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    answered: Counter[int] = Counter()
    for result in schema.include(path_regex=ROUTES).get_all_operations():

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        )
        @given(case=result.ok().as_strategy(), is_aimed=st.booleans())
        def answers(case: Any, is_aimed: bool) -> None:
            sent = aimed(case) if is_aimed else case
            answer = sent.call_and_validate(
                base_url=str(client.base_url), headers=as_(who), checks=CHECKS, timeout=20
            )
            answered[answer.status_code] += 1

        answers()
    assert {200, 404, 422} <= set(answered), answered
