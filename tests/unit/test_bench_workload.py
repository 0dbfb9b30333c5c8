"""What benchmarks send: requests that are all different, and the same in the daemon's words."""

from itertools import islice

from benchmarks import workload
from benchmarks.vw_daemon import examples

from attune.v1.decision_service_pb2 import DecideBatchRequest, DecideRequest
from attune_models.features import encode


def test_no_two_contexts_are_the_same() -> None:
    """Also where the templates come again, and in batches."""
    numbers = workload.days()
    single = islice(workload.ever_other(workload.catalogue_requests(10), numbers), 600)
    batches = islice(workload.ever_other(workload.batches(workload.catalogue_requests(10)), numbers), 8)
    requests = [DecideRequest.FromString(message) for message in single]
    requests += [request for message in batches for request in DecideBatchRequest.FromString(message).requests]
    days = [request.context.numeric["tenure_days"] for request in requests]
    assert len(set(days)) == len(days) == 600 + 8 * workload.BATCH
    assert all(0.0 < number < 3_000.0 for number in days)


def test_the_daemon_is_asked_the_same() -> None:
    """The shared line holds the encoded context, the number among it."""
    example = next(examples(10, iter([77.25]))).decode()
    context = workload.contexts()[0]
    context.numeric["tenure_days"] = 77.25
    shared, *actions = example.splitlines()
    assert shared.startswith(f"shared |c {encode(context)} |p ")
    assert [line.split()[1] for line in actions if line] == [f"=offer-{i}" for i in range(10)]


def test_each_placement_has_as_many_offers_as_its_name_says() -> None:
    counted = dict.fromkeys(workload.SIZES, 0)
    for offer in workload.catalogue():
        for size in counted:
            counted[size] += workload.by_catalogue(size) in offer.placements
    assert counted == {size: size for size in workload.SIZES}


def test_every_outcome_is_one_that_was_not_sent_before() -> None:
    sent = list(islice(workload.outcomes(8, 4, "click"), 6))
    assert len(set(sent)) == 6
