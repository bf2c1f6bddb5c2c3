"""`make conformance`: every provider keeps what it promises; with `URL=`, the one behind that manifest."""

from tests.conformance.conftest import brought, examples, installed

from tuntas.testkit.conformance.provider import Promises


class TestProvider(Promises):
    """The suite over each provider and goal type."""


def test_no_provider_and_no_goal_type_of_any_connector_is_left_out() -> None:
    assert {provider for _, provider in brought()} == set(examples())
    assert {goal.name for each in installed().values() for goal in each.goal_types} == {
        goal for each in examples().values() for goal in each
    }
