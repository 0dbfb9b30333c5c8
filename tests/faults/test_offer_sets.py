"""The catalogue changes all the time while processes are killed: no decision is in the store without its offers.

Sets of offers are written before decisions name them, by processes that may die in between, to a placement that may be
deleted and created anew in between. Whatever happens, what was decided can be read, with the offers as they were.
"""

import asyncio
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from attune.store.client import Store
from attune.store.data_dir import running_url
from attune.store.decisions import Decisions
from attune.store.interactions import BEGINNING, Interactions
from attune.store.keys import PlacementKeys
from attune.v1 import placement_service_pb2 as placements
from attune.v1.catalog_service_pb2 import CatalogOffer, PutOffersRequest
from attune.v1.catalog_service_pb2_grpc import CatalogServiceStub
from attune.v1.decision_service_pb2 import DecideRequest, DecideResponse
from attune.v1.decision_service_pb2_grpc import DecisionServiceStub
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import Placement
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from customers import EXPECTED_WHILE_KILLED
from messages import apply, reward
from oracle import settled
from service import RunningService, wait_until

KEYS = PlacementKeys("home")
# Enough for a set of several parts.
N_OFFERS = 300
# While it is deleted, while it has no offers yet, and while its set is not written.
EXPECTED = EXPECTED_WHILE_KILLED | {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION}
RECONNECT = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]


class Traffic:
    """Calls something without a pause, in a thread, and passes over failures that are to be expected."""

    def __init__(self, call: Callable[[], None]) -> None:
        """Begins at once."""
        self._call = call
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Ends after the present call."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._call()
            except grpc.RpcError as error:
                if error.code() not in EXPECTED:
                    raise  # pytest reports it
                self._stop.wait(0.02)


def offer(i: int, price: float) -> CatalogOffer:
    return CatalogOffer(offer=Offer(id=f"o{i:03}", features=Features(numeric={"price": price})))


def apply_home(channel: grpc.Channel) -> None:
    request = apply(Placement(name="home", reward=reward(window_s=1)))
    PlacementServiceStub(channel).ApplyPlacement(request, timeout=5, wait_for_ready=True)


def kill(service: RunningService, role: str) -> None:
    pid = wait_until(lambda: service.children().get(role), f"a {role}")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: service.children().get(role, pid) != pid, f"another {role}")


def delete_and_create(channel: grpc.Channel) -> None:
    stub = PlacementServiceStub(channel)
    stub.DeletePlacement(placements.DeletePlacementRequest(placement="home"), timeout=5, wait_for_ready=True)
    apply_home(channel)


def serve_some(promised: list[dict[str, DecideResponse]]) -> None:
    before = len(promised[-1])
    wait_until(lambda: len(promised[-1]) > before + 50, "customers to be served")


async def readable(url: str, answers: dict[str, DecideResponse]) -> tuple[int, int]:
    """Check every entry of the log, and every answer; return how many entries there are, and different sets."""
    store = Store(url, timeout_s=5)
    try:
        entries = await Interactions(store).after(KEYS, BEGINNING, 1_000_000)
        for entry in entries:
            assert len(entry.offers) == len(entry.decision.pmf), entry.decision.event_id
        for event_id, answer in answers.items():
            record = (await Decisions(store).get(KEYS, event_id)).record
            chosen = Offer.FromString(record.offers[record.chosen])
            assert (chosen.id, record.pmf[record.chosen]) == (answer.choices[0].offer_id, answer.choices[0].propensity)
        return len(entries), len({entry.decision.offer_set for entry in entries})
    finally:
        await store.close()


@pytest.mark.parametrize(
    "disturbed",
    [
        pytest.param(["server", "placement"], marks=pytest.mark.timeout(120)),
        pytest.param(["server", "placement", "store"] * 8, marks=[pytest.mark.timeout(900), pytest.mark.long]),
    ],
    ids=len,
)
def test_no_decision_is_in_the_store_without_its_offers(tmp_path: Path, disturbed: list[str]) -> None:
    rng = random.Random(20261122)
    # What was promised since the placement was created last is at the end.
    promised: list[dict[str, DecideResponse]] = [{}]
    with RunningService(tmp_path) as service, grpc.insecure_channel(service.address, options=RECONNECT) as channel:
        apply_home(channel)
        catalog, decider = CatalogServiceStub(channel), DecisionServiceStub(channel)
        catalog.PutOffers(PutOffersRequest(offers=[offer(i, 1.0) for i in range(N_OFFERS)]), timeout=5)

        def decide() -> None:
            """Decide from the catalogue, and remember what was promised."""
            answers = promised[-1]
            answer = decider.Decide(DecideRequest(placement="home"), timeout=2)
            if answer.logged:
                answers[answer.event_id] = answer

        def change() -> None:
            """Change one offer, so that there is another set."""
            catalog.PutOffers(PutOffersRequest(offers=[offer(rng.randrange(N_OFFERS), rng.random())]), timeout=2)
            time.sleep(0.02)

        traffic = [Traffic(decide), Traffic(change)]
        try:
            for what in disturbed:
                serve_some(promised)
                if what == "placement":
                    delete_and_create(channel)
                    promised.append({})
                else:
                    kill(service, what)
            serve_some(promised)
        finally:
            for each in traffic:
                each.stop()
        settled(service.address, "home")
        entries, sets = asyncio.run(readable(running_url(str(tmp_path)), promised[-1]))
    assert entries >= len(promised[-1]) > 50
    assert sets > 1, "the catalogue has changed in between"
