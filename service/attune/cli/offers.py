"""`attune offers`: what is in the catalogue. Offers get there with `attune apply`."""

import json
from collections.abc import Iterable
from typing import Annotated

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from rich.table import Table
from rich.text import Text

from attune.cli import apply_offers, client, failures
from attune.cli.output import as_dict, empty_table, plain, show
from attune.v1.catalog_service_pb2 import (
    GetOfferRequest,
    GetOfferResponse,
    KeptOffer,
    ListOffersRequest,
)
from attune.v1.catalog_service_pb2_grpc import CatalogServiceStub
from attune.v1.features_pb2 import Features

Address = Annotated[str | None, typer.Option(help="The service, as host:port (default: 127.0.0.1:50051).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the reply as JSON.")]

offers = typer.Typer(
    help="Look at the offers of the catalogue, or delete some. To put offers there: attune apply FILE",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    epilog=failures.EXIT_CODES_HELP,
)


@offers.command("list")
def list_offers(
    *,
    placement: Annotated[str, typer.Option(help="Only those that this placement may show.")] = "",
    channel: Annotated[str, typer.Option(help="Only those that may be shown on this channel.")] = "",
    tag: Annotated[str, typer.Option(help="Only those with this tag.")] = "",
    live: Annotated[bool, typer.Option("--live", help="Only those that are live now.")] = False,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """List offers, by id."""
    request = ListOffersRequest(placement=placement, channel=channel, tag=tag, live=live)
    with client.connect(address) as service:
        pages = list(apply_offers.listed(service, request))
    found = [one for page in pages for one in page.offers]
    if as_json:
        reply = {"offers": [as_dict(one) for one in found], "revision": str(pages[-1].revision)}
        typer.echo(json.dumps(reply, indent=2, ensure_ascii=False))
    elif found:
        show(_table(found))
    else:
        typer.echo("No offers: put some there with attune apply FILE" if not request.ByteSize() else "No such offers.")


@offers.command()
def get(
    *,
    offer_id: Annotated[str, typer.Argument(metavar="ID", help="The offer.", show_default=False)],
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show an offer: its features, and where and when it may be shown."""
    with client.connect(address) as service:
        reply: GetOfferResponse = service.call(
            CatalogServiceStub(service.channel).GetOffer, GetOfferRequest(id=offer_id)
        )
    if as_json:
        typer.echo(json.dumps(as_dict(reply), indent=2, ensure_ascii=False))
    else:
        show(_described(reply.offer))


@offers.command()
def delete(
    *,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The offers.", show_default=False)],
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Take offers out of the catalogue; ids that are not in it are ignored. Decisions that were made keep them."""
    with client.connect(address) as service:
        reply = apply_offers.delete(service, ids)
    if as_json:
        typer.echo(json.dumps(as_dict(reply), indent=2, ensure_ascii=False))
    else:
        missing = len(set(ids)) - reply.deleted
        typer.echo(f"offers: {reply.deleted:,} deleted" + (f", {missing:,} were not there" if missing else ""))


def _table(found: Iterable[KeptOffer]) -> Table:
    table = empty_table("offer")
    for title in ("live", "from", "until"):
        table.add_column(title, no_wrap=True)
    for title in ("placements", "channels", "tags"):
        table.add_column(title, overflow="fold")
    for one in found:
        offer = one.offer
        starts = _time(offer.starts_at) if offer.HasField("starts_at") else ""
        ends = _time(offer.ends_at) if offer.HasField("ends_at") else ""
        where = [Text(plain(", ".join(names)) or "all") for names in (offer.placements, offer.channels)]
        name, tags = Text(plain(offer.offer.id)), Text(plain(", ".join(offer.tags)))
        table.add_row(name, "yes" if one.live else "no", starts, ends, *where, tags)
    return table


def _described(one: KeptOffer) -> Table:
    table = empty_table("offer")
    table.add_column(Text(plain(one.offer.offer.id)), overflow="fold")
    table.add_row("live", "yes" if one.live else "no")
    for name in ("placements", "channels", "tags"):
        table.add_row(name, Text(plain(", ".join(getattr(one.offer, name))) or ("" if name == "tags" else "all")))
    for title, name in (("from", "starts_at"), ("until", "ends_at")):
        table.add_row(title, _time(getattr(one.offer, name)) if one.offer.HasField(name) else "")
    table.add_row("changed", f"{_time(one.changed_at)} (revision {one.revision})")
    for title, value in _features(one.offer.offer.features):
        table.add_row(Text(plain(title)), Text(plain(value)))
    return table


def _features(features: Features) -> Iterable[tuple[str, str]]:
    """Yield each feature, its kind before its name, and its value."""
    yield from ((f"numeric.{name}", f"{number:g}") for name, number in sorted(features.numeric.items()))
    yield from ((f"categorical.{name}", text) for name, text in sorted(features.categorical.items()))
    yield from ((f"tags.{name}", ", ".join(tags.values)) for name, tags in sorted(features.tags.items()))
    for name, vector in sorted(features.dense.items()):
        yield f"dense.{name}", ", ".join(f"{number:g}" for number in vector.values)


def _time(at: Timestamp) -> str:
    return f"{at.ToDatetime():%Y-%m-%d %H:%M:%S} UTC"
