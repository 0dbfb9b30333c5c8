"""Readers for `examples/challengers.yaml`: Tom clicks on politics, Anna on sport, until a challenger is promoted."""

import sys
import time
from itertools import count
from random import Random

import grpc

from attune.v1 import (
    decision_service_pb2,
    decision_service_pb2_grpc,
    features_pb2,
    placement_service_pb2,
    placement_service_pb2_grpc,
    reward_service_pb2,
    reward_service_pb2_grpc,
)

PLACEMENT = "news"
LIKED = {"Tom": "politics", "Anna": "sport"}
ARTICLES = [features_pb2.Offer(id=article) for article in LIKED.values()]
# Nobody is waited for: at most 100 readers come in a second, so that what they do is learned while others come.
PAUSE_S = 0.01
LOOK_EVERY = 100


def main(address: str) -> None:
    """Let readers come."""
    random = Random(7)  # noqa: S311 - no secret
    with grpc.insecure_channel(address) as channel:
        for i in count(1):
            read(channel, random.choice(("Tom", "Anna")))
            if i % LOOK_EVERY == 0 and look(channel, i):
                return
            time.sleep(PAUSE_S)


def read(channel: grpc.Channel, reader: str) -> None:
    """Show a reader an article; what they like, they click on."""
    context = features_pb2.Features(categorical={"user": reader})
    request = decision_service_pb2.DecideRequest(placement=PLACEMENT, context=context, offers=ARTICLES)
    decision = decision_service_pb2_grpc.DecisionServiceStub(channel).Decide(request)
    if decision.choices[0].offer_id == LIKED[reader]:
        click = reward_service_pb2.Outcome(placement=PLACEMENT, event_id=decision.event_id, name="click")
        clicks = reward_service_pb2.RecordOutcomesRequest(outcomes=[click])
        reward_service_pb2_grpc.RewardServiceStub(channel).RecordOutcomes(clicks)


def look(channel: grpc.Channel, readers: int) -> bool:
    """Say how the challengers are doing; return whether one was promoted."""
    request = placement_service_pb2.ListChallengersRequest(placement=PLACEMENT)
    found = placement_service_pb2_grpc.PlacementServiceStub(channel).ListChallengers(request)
    for each in found.challengers:
        more = each.difference
        print(f"{readers:,} readers: {each.name} {more.value:+.3f} a decision ({more.low:+.3f} to {more.high:+.3f})")
    if found.HasField("last_promotion"):
        print(f"{readers:,} readers: {found.last_promotion.name} is the policy now")
        return True
    return False


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051")
