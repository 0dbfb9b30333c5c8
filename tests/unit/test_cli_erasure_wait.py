"""What `attune customers erase --wait` says that it waits for."""

import pytest

from attune.cli.erasure_wait import waits_for
from attune.v1.placement_pb2 import Placement
from attune.v1.placement_service_pb2 import GetPlacementResponse, PlacementStatus, Training


def placement(name: str, learner: str = "host:1", training: Training | None = None) -> GetPlacementResponse:
    return GetPlacementResponse(
        placement=Placement(name=name), status=PlacementStatus(learner=learner, training=training)
    )


@pytest.mark.parametrize(
    ("placements", "expected"),
    [
        pytest.param([], "the process that learns has to remove", id="nothing is known"),
        pytest.param([placement("home")], "the process that learns has to remove", id="somebody learns"),
        pytest.param([placement("home", ""), placement("mail")], "no process learns home, so", id="nobody learns one"),
        pytest.param([placement(f"p{i}", "") for i in range(5)], "no process learns p0, p1, p2 and 2 more", id="many"),
        pytest.param(
            [placement("mail"), placement("home", training=Training(interactions=250, of=1000))],
            "home is being trained anew, 25% of 1,000",
            id="a training is under way",
        ),
    ],
)
def test_it_says_what_it_waits_for(placements: list[GetPlacementResponse], expected: str) -> None:
    assert waits_for(placements).startswith(expected)
