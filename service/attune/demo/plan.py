"""What the demo is about to do: how long, how fast, with which placement, and when something happens."""

from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration

from attune.demo.simulation import CLICK_REWARD, CONVERSION_REWARD
from attune.v1 import placement_pb2

PLACEMENT = "demo_home"
WINDOW_S = 2
CONTROL_SHARE = 0.2
# Ten times the default step size: the demo wants a model that unlearns an old taste in seconds.
LEARNING_RATE = 5.0
KILL_AFTER = 0.3
CHANGE_AFTER = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of one run.

    Attributes:
        seed: Of the simulated customers.
        seconds: How long customers come.
        rate: Customers a second.
    """

    seed: int
    seconds: int
    rate: int

    @property
    def customers(self) -> int:
        """How many customers come in all."""
        return self.seconds * self.rate

    @property
    def kill_s(self) -> float:
        """When the learner is killed, in seconds since the first customer."""
        return KILL_AFTER * self.seconds

    @property
    def change_s(self) -> float:
        """When the taste changes, in seconds since the first customer."""
        return CHANGE_AFTER * self.seconds

    @property
    def first_changed(self) -> int:
        """Position of the first customer after the change of taste."""
        return int(self.change_s * self.rate)


def demo_placement() -> placement_pb2.Placement:
    """Return the placement of the demo: the default policy with a larger step size, and one fifth of control."""
    return placement_pb2.Placement(
        name=PLACEMENT,
        policy=placement_pb2.PolicySpec(vw=placement_pb2.VwSpec(learning_rate=LEARNING_RATE)),
        reward=placement_pb2.RewardSpec(
            window=Duration(seconds=WINDOW_S),
            outcomes=[
                placement_pb2.OutcomeRule(name="click", weight=CLICK_REWARD),
                placement_pb2.OutcomeRule(name="conversion", weight=CONVERSION_REWARD),
            ],
            min=0.0,
            max=CLICK_REWARD + CONVERSION_REWARD,
        ),
        control=placement_pb2.ControlSpec(share=CONTROL_SHARE, uniform=placement_pb2.UniformSpec()),
    )
