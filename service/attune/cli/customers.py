"""`attune customers`: what is held about one, what they allow, and what they did."""

import json
from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Annotated

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from rich.table import Table
from rich.text import Text

from attune.cli import client, failures
from attune.cli.customers_erase import erase, erasure
from attune.cli.output import as_dict, empty_table, plain, show
from attune.v1.customer_service_pb2 import (
    ACTIVITY_STATUS_ACCEPTED,
    PURPOSE_LEARNING,
    PURPOSE_PERSONALIZATION,
    Activity,
    ActivityStatus,
    Consent,
    GetCustomerRequest,
    GetCustomerResponse,
    Preferences,
    Purpose,
    RecordActivityRequest,
    RecordActivityResponse,
    SetConsentRequest,
    SetConsentResponse,
)
from attune.v1.customer_service_pb2_grpc import CustomerServiceStub
from attune.v1.features_pb2 import Features

Address = Annotated[str | None, typer.Option(help="The service, as host:port (default: 127.0.0.1:50051).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the reply as JSON.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The customer.", show_default=False)]

customers = typer.Typer(
    help="Show what is held about a customer; say what they allow, or what they did; erase one.",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    epilog=failures.EXIT_CODES_HELP,
)
customers.command()(erase)
customers.command()(erasure)


@customers.command()
def get(*, customer_id: Id, address: Address = None, as_json: AsJson = False) -> None:
    """Show what is held under a customer, and the decisions that the history names. With --json, to be handed out."""
    with client.connect(address) as service:
        reply: GetCustomerResponse = service.call(
            CustomerServiceStub(service.channel).GetCustomer, GetCustomerRequest(customer_id=customer_id)
        )
    if as_json:
        typer.echo(json.dumps(as_dict(reply), indent=2, ensure_ascii=False))
    else:
        show(_described(customer_id, reply))


@customers.command()
def consent(
    *,
    customer_id: Id,
    personalization: Annotated[
        bool | None,
        typer.Option(
            "--personalization/--no-personalization", help="Decisions may use what is known.", show_default=False
        ),
    ] = None,
    learning: Annotated[
        bool | None,
        typer.Option("--learning/--no-learning", help="Models may learn from the customer.", show_default=False),
    ] = None,
    source: Annotated[str, typer.Option(help="Where it was said, for example 'cookie banner v3'.")] = "",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Say what a customer allows. Who refuses personalization is forgotten, but for that."""
    said = ((PURPOSE_PERSONALIZATION, personalization), (PURPOSE_LEARNING, learning))
    consents = [Consent(purpose=what, granted=granted, source=source) for what, granted in said if granted is not None]
    if not consents:
        raise typer.BadParameter(
            "expected --personalization, --learning, or one of them with --no- in front; got neither"
        )
    with client.connect(address) as service:
        reply: SetConsentResponse = service.call(
            CustomerServiceStub(service.channel).SetConsent,
            SetConsentRequest(customer_id=customer_id, consents=consents),
        )
    if as_json:
        typer.echo(json.dumps(as_dict(reply), indent=2, ensure_ascii=False))
    else:
        typer.echo("allows: " + ("; ".join(map(_consent, reply.consents))))


@customers.command()
def activity(
    *,
    customer_id: Id,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What was done: purchase.", show_default=False)],
    feature: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help='A number (value=49.9) or a word (category=shoes, size="42"); repeatable.'
        ),
    ] = None,
    channel: Annotated[str, typer.Option(help="Where: web, app, email, store, ...")] = "",
    activity_id: Annotated[
        str, typer.Option("--id", help="What is sent again with this id within 7 days counts once.")
    ] = "",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Record something that a customer has done just now."""
    done = Activity(
        customer_id=customer_id, activity_id=activity_id, name=name, channel=channel, features=_features(feature or [])
    )
    with client.connect(address) as service:
        reply: RecordActivityResponse = service.call(
            CustomerServiceStub(service.channel).RecordActivity, RecordActivityRequest(activities=[done])
        )
    [receipt] = reply.receipts
    status = ActivityStatus.Name(receipt.status).removeprefix("ACTIVITY_STATUS_").lower().replace("_", " ")
    if as_json:
        typer.echo(json.dumps(as_dict(reply), indent=2, ensure_ascii=False))
    else:
        typer.echo(f"{status}: {receipt.detail}" if receipt.detail else status)
    if receipt.status != ACTIVITY_STATUS_ACCEPTED:
        raise typer.Exit(failures.FAILED)


def _features(given: Iterable[str]) -> Features:
    features = Features()
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"--feature: expected NAME=VALUE, got {text!r}")
        number = _number(value)
        if number is None:
            features.categorical[name] = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
        else:
            features.numeric[name] = number
    return features


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _described(customer_id: str, reply: GetCustomerResponse) -> Table:
    table = empty_table("customer")
    table.add_column(Text(plain(customer_id)), overflow="fold")
    if reply.HasField("first_seen_at"):
        table.add_row("first seen", _time(reply.first_seen_at))
    table.add_row("allows", Text(plain("; ".join(map(_consent, reply.consents))) or "never asked"))
    for title, value in (*_said(reply.preferences), *_told(reply.profile)):
        table.add_row(Text(plain(title)), Text(plain(value)))
    for kept in reply.activities:
        times = f"{kept.count:,} times, {_time(kept.first_at)} to {_time(kept.last_at)}"
        table.add_row(Text(plain(f"did {kept.name}")), times)
    table.add_row("history", f"{len(reply.history):,} entries, {len(reply.decisions):,} decisions (see --json)")
    return table


def _said(preferences: Preferences) -> Iterator[tuple[str, str]]:
    """Yield what a customer has said that is no feature."""
    for name in ("unwanted_channels", "unwanted_offer_ids"):
        if words := getattr(preferences, name):
            yield name.replace("_", " "), ", ".join(words)
    if preferences.most_per_week:
        yield "most per week", str(preferences.most_per_week)
    if preferences.time_zone:
        yield "time zone", preferences.time_zone


def _told(features: Features) -> Iterator[tuple[str, str]]:
    """Yield what the next decision is told, by name."""
    told = {name: f"{number:.6g}" for name, number in features.numeric.items()}
    told |= dict(features.categorical)
    told |= {name: ", ".join(tags.values) for name, tags in features.tags.items()}
    yield from sorted(told.items())


def _consent(said: Consent) -> str:
    purpose = Purpose.Name(said.purpose).removeprefix("PURPOSE_").lower()
    by = f" ({said.source})" if said.source else ""
    return f"{'' if said.granted else 'no '}{purpose} since {_time(said.given_at)}{by}"


def _time(at: Timestamp) -> str:
    return f"{at.ToDatetime():%Y-%m-%d %H:%M:%S} UTC"
