"""`attune apply` with offers, and `attune offers`, against a running service."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from attune.cli import app
from attune.v1.decision_service_pb2 import DecideRequest
from client import Client
from service import RunningService

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def empty(service: RunningService) -> Iterator[None]:
    """Leave the catalogue as empty as it was."""
    yield
    with Client(service.address) as client:
        client.empty_catalog()


class Typed:
    """Runs commands against one service, and returns what they print."""

    def __init__(self, address: str, capsys: pytest.CaptureFixture[str]) -> None:
        """Keep where the service is."""
        self._address, self._capsys = address, capsys

    def __call__(self, command: str, *arguments: str) -> tuple[int, str, str]:
        """Run a command; return exit code, stdout and stderr."""
        code = app.run([*command.split(), *arguments, "--address", self._address])
        return code, *self._capsys.readouterr()


@pytest.fixture
def typed(service: RunningService, capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(service.address, capsys)


def write(directory: Path, text: str, name: str = "offers.yaml") -> str:
    file = directory / name
    file.write_text(text)
    return str(file)


def many(count: int, price: int = 1) -> str:
    return "id,numeric.price,tags\n" + "".join(f"o{i:04},{price},t{i % 2}\n" for i in range(count))


def test_a_placement_that_chooses_channels_is_applied_and_explained(typed: Typed, service: RunningService) -> None:
    example = str(ROOT / "examples" / "channels.yaml")
    assert typed("apply", example) == (0, "crm: created (revision 1)\noffers: 3 created, 0 changed, 0 unchanged\n", "")
    with Client(service.address) as client:
        request = DecideRequest(placement="crm", event_id="e-1", channel="email", offer_ids=["hat"])
        [choice] = client.decide(request).choices
    assert (choice.offer_id, choice.channel) == ("hat", "email")
    code, out, _ = typed("explain crm e-1")
    assert (code, out.count("hat@email (chosen)")) == (0, 1)
    with Client(service.address) as client:
        client.delete("crm")


def test_the_story_of_a_catalogue(typed: Typed, tmp_path: Path) -> None:
    assert typed("offers list") == (0, "No offers: put some there with attune apply FILE\n", "")
    example = str(ROOT / "examples" / "catalog.yaml")
    assert typed("apply", example)[:2] == (0, "offers: 4 created, 0 changed, 0 unchanged\n")
    assert typed("apply", example)[:2] == (0, "offers: 0 created, 0 changed, 4 unchanged\n")

    code, out, _ = typed("offers list")
    lines = [line.split() for line in out.splitlines()]
    assert (code, lines[0]) == (0, ["offer", "live", "from", "until", "placements", "channels", "tags"])
    assert [line[0] for line in lines[1:]] == ["gift-card", "newsletter", "spring-sale", "yoga-starter"]
    assert lines[1] == ["gift-card", "yes", "all", "all"]
    assert "2026-03-01 00:00:00 UTC" in out
    assert "home_hero" in out

    code, out, _ = typed("offers get", "spring-sale")
    assert code == 0
    shown = {name: value.strip() for name, _, value in (line.partition(" ") for line in out.splitlines())}
    assert (shown["numeric.discount"], shown["tags.styles"]) == ("0.2", "road, trail")
    assert shown["placements"] == "home_hero"

    both = write(tmp_path, "name: shop\n---\noffers:\n- {id: gift-card}\n- {id: new}\n")
    assert typed("apply", both, "--prune")[:2] == (
        0,
        "shop: created (revision 1)\noffers: 1 created, 0 changed, 1 unchanged, 3 deleted\n",
    )
    assert typed("offers delete", "new", "nobody", "new") == (0, "offers: 1 deleted, 1 were not there\n", "")
    code, _, err = typed("offers get", "new")
    assert (code, err) == (1, 'attune: not found: id: expected the id of an offer in the catalogue, got "new"\n')


def test_more_offers_than_a_call_takes_are_applied_listed_and_pruned(typed: Typed, tmp_path: Path) -> None:
    sheet = write(tmp_path, many(1500), "all.csv")
    code, out, _ = typed("apply", "--json", sheet)
    (said,) = json.loads(out)
    assert code == 0
    revision = said["offers"].pop("revision")
    assert said == {"offers": {"created": 1500, "updated": 0, "unchanged": 0, "deleted": 0}}
    code, out, _ = typed("offers list", "--json")
    listed = json.loads(out)
    assert [one["offer"]["offer"]["id"] for one in listed["offers"]] == [f"o{i:04}" for i in range(1500)]
    assert (code, listed["revision"]) == (0, str(revision))
    code, out, _ = typed("offers list", "--json", "--tag", "t1")
    assert len(json.loads(out)["offers"]) == 750
    code, out, _ = typed("apply", "--prune", write(tmp_path, many(5, price=2), "few.csv"))
    assert (code, out) == (0, "offers: 0 created, 5 changed, 0 unchanged, 1,495 deleted\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- id: a\n- id: ''", "offers.yaml:3: offers[1].id: expected "),
        ("- id: a\n- id: b\n  placements: ['Not one']", "offers.yaml:4: offers[1].placements[0]: expected "),
        (
            "- id: a\n- id: b\n  features: {numeric: {x: .inf}}",
            'offers.yaml:4: offers[1].features.numeric["x"]: expect',
        ),
        (
            "- id: a\n- id: b\n  starts_at: 2026-01-02T00:00:00Z\n  ends_at: 2026-01-01T00:00:00Z",
            "offers.yaml:5: offers[1].ends_at: expected ",
        ),
    ],
)
def test_where_one_offer_is_wrong_nothing_is_applied(typed: Typed, tmp_path: Path, text: str, said: str) -> None:
    """Not even a placement, or the thousand offers that would have gone into a call of their own."""
    sheet, file = write(tmp_path, many(1000), "all.csv"), write(tmp_path, f"offers:\n{text}\n")
    placement = write(tmp_path, "name: never\n", "placement.yaml")
    code, out, err = typed("apply", placement, sheet, file)
    assert (code, out) == (78, "")
    assert err.replace(f"{tmp_path}/", "").startswith(f"attune: {said}")
    assert typed("offers list")[1].startswith("No offers")
    assert typed("status never")[0] == 1


def test_a_listing_can_be_narrowed(typed: Typed, tmp_path: Path) -> None:
    text = """
offers:
- {id: a, placements: [one], channels: [web], tags: [x]}
- {id: b, placements: [two], ends_at: 2020-01-01T00:00:00Z}
- {id: c}
"""
    assert typed("apply", write(tmp_path, text))[0] == 0

    def listed(*filters: str) -> list[str]:
        _, out, _ = typed("offers list --json", *filters)
        return [one["offer"]["offer"]["id"] for one in json.loads(out)["offers"]]

    assert listed() == ["a", "b", "c"]
    assert listed("--placement", "one") == ["a", "c"]
    assert listed("--channel", "email") == ["b", "c"]
    assert listed("--tag", "x") == ["a"]
    assert listed("--live") == ["a", "c"]
    assert listed("--live", "--placement", "two", "--channel", "web") == ["c"]
    assert typed("offers list --tag", "y")[1] == "No such offers.\n"


def test_pruning_without_offers_is_refused(typed: Typed, tmp_path: Path) -> None:
    assert typed("apply", write(tmp_path, "offers: [{id: a}]"))[0] == 0
    for text in ("name: one\n", "offers: []\n"):
        code, _, err = typed("apply", "--prune", write(tmp_path, text, "none.yaml"))
        assert (code, "expected offers in them, got none" in err) == (2, True)
    assert typed("offers get", "a")[0] == 0


def test_nothing_in_an_offer_moves_the_cursor(typed: Typed, tmp_path: Path) -> None:
    text = 'offers: [{id: "a\\e[2Jb", tags: ["[red]x[/red]"], features: {categorical: {"\\a": "\\r"}}}]'
    assert typed("apply", write(tmp_path, text))[0] == 0
    for command in (["offers list"], ["offers get", "a\x1b[2Jb"]):
        _, out, _ = typed(*command)
        assert "a\ufffd[2Jb" in out
        assert "[red]x[/red]" in out
        assert not set("\x1b\a\r") & set(out)


def test_the_calls_of_the_page_about_the_catalogue_work(
    typed: Typed, service: RunningService, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "catalog.md").read_text(encoding="utf-8")
    code = "".join(re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    assert typed("apply", str(ROOT / "examples" / "shop.yaml"), str(ROOT / "examples" / "catalog.yaml"))[0] == 0
    named: dict[str, object] = {}
    exec(compile(code.replace("127.0.0.1:50051", service.address), "catalog.md", "exec"), named)
    first, *mails = [line.split() for line in capsys.readouterr().out.splitlines()]
    known = {"gift-card", "spring-sale", "yoga-starter", "newsletter"}
    assert (first[0] in known, 0 < float(first[1]) <= 1) == (True, True)
    assert [mail[0] for mail in mails] == ["mail-2026-03-c1", "mail-2026-03-c2"]
    assert {mail[1] for mail in mails} <= known
    named["channel"].close()  # type: ignore[attr-defined]
