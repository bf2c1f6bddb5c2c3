"""Services made with nothing around them, as simulations take them."""

import pytest

from tuntas.testkit import installed


@pytest.mark.parametrize("name", ["planner", "trust", "executor", "saga", "connectors-travel", "connectors-payment"])
def test_a_service_is_made_without_a_database_or_a_broker(name: str) -> None:
    assert installed.service(name).name == name
    assert installed.parts(name).core.on


def test_an_unknown_service_is_said_with_those_there_are() -> None:
    with pytest.raises(LookupError, match=r"nowhere: no such service is installed; there are .*executor"):
        installed.service("nowhere")
