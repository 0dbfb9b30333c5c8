"""What is read of a context's bytes is what encoding its features gives, whether its like came before or not."""

import math
from random import Random

import pytest
from google.protobuf.message import DecodeError

from attune.serving import contexts
from attune.serving.contexts import ContextReader
from attune.v1.features_pb2 import Features, Tags, Vector
from attune_models.contexts import Context, names_and_numbers
from attune_models.features import FeatureError, encode

SPECIAL = (0.0, -0.0, -3.5, 1e-30, 1e-31, -1e-31, 1e6, -1e6, 5e-324)


def features(random: Random) -> Features:
    """Return features of any kind and order, whose numbers are anything that is allowed."""
    some = random.sample(["age", "hour", "price per %", "größe", "x" * 127, "y" * 128, "="], random.randint(0, 4))
    numeric = {name: random.choice([random.uniform(-9, 9), *SPECIAL]) for name in some}
    words = random.sample(
        [("device", "mobile"), ("user", f"u {random.randrange(9)}"), ("a", "x:1")], random.randint(0, 3)
    )
    made = Features(numeric=numeric, categorical=dict(words))
    if random.random() < 0.2:
        made.tags["likes"].values.extend(random.sample(["run", "yoga", "sea"], 2))
    if random.random() < 0.1:
        made.dense["d"].values.extend([0.5, -2.0])
    return made


def read_by_all(serialised: bytes, reader: ContextReader) -> Context:
    """Return what a reader makes of a message that it may have seen the like of, and one that has seen nothing."""
    read = reader.read(serialised)
    assert read == ContextReader().read(serialised)
    return read


def test_a_context_is_read_as_it_is_encoded() -> None:
    random, reader = Random(1), ContextReader()
    for _ in range(3000):
        made = features(random)
        read = read_by_all(made.SerializeToString(), reader)
        assert read.text == encode(made)
        assert read == names_and_numbers(encode(made))
        assert [math.copysign(1.0, each) for each in read.numbers if not each] == [1.0] * list(read.numbers).count(0.0)


def test_a_context_is_read_from_what_its_like_said(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = ContextReader()
    reader.read(Features(numeric={"a": 1.0, "b": 2.0}, categorical={"c": "d"}).SerializeToString())
    monkeypatch.setattr(contexts, "encode", lambda _: pytest.fail("expected the pieces to be known"))
    read = reader.read(Features(numeric={"a": -0.0, "b": -7.25}, categorical={"c": "d"}).SerializeToString())
    assert read == Context("a: b: c=d", [0.0, -7.25])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e6 + 1, -1e7])
def test_a_number_that_breaks_the_limits_is_named_although_its_like_came_before(bad: float) -> None:
    reader = ContextReader()
    reader.read(Features(numeric={"a": 1.0, "b": 2.0}).SerializeToString())
    with pytest.raises(FeatureError) as raised:
        reader.read(Features(numeric={"a": 1.0, "b": bad}).SerializeToString())
    assert raised.value.field == 'numeric["b"]'


# What no library writes, but some could: parts of a message, to be joined.
X = Features(numeric={"x": 1.0}).SerializeToString()
ODD = {
    "a name twice": [X, Features(numeric={"x": 2.0}).SerializeToString()],
    "a name twice, with another between": [X, Features(numeric={"y": 5.0}).SerializeToString(), X],
    "no number": [b"\x0a\x03\x0a\x01x"],
    "no name, which is refused": [b"\x0a\x09\x11" + b"\x00" * 8],
    "the number before the name": [b"\x0a\x0c\x11" + b"\x00" * 7 + b"\x40\x0a\x01x"],
    "a name twice in an entry": [b"\x0a\x0f\x0a\x01y\x0a\x01x\x11" + b"\x00" * 7 + b"\x40"],
    "a length of two bytes": [b"\x0a\x8c\x00\x0a\x01x\x11" + b"\x00" * 7 + b"\x40"],
    "a length of a name of two bytes": [b"\x0a\x0d\x0a\x81\x00x\x11" + b"\x00" * 7 + b"\x40"],
    "a field that the contract does not have": [X, b"\x2a\x01a"],
    "a group that it does not have": [X, b"\x2b\x2c"],
    "a number that it does not have": [X, b"\x29" + b"\x00" * 8],
    "an entry with a field that it does not have": [b"\x0a\x0e\x0a\x01x\x18\x01\x11" + b"\x00" * 7 + b"\x40"],
    "words and no numbers": [Features(categorical={"a": "b"}, tags={"t": Tags(values=["u"])}).SerializeToString()],
    "a vector": [X, Features(dense={"d": Vector(values=[0.5])}).SerializeToString()],
    "more than 127 bytes of a feature": [Features(categorical={"a": "b" * 200}).SerializeToString(), X],
    "more than is kept": [Features(categorical={str(i): "b" * 200 for i in range(5)}).SerializeToString(), X],
    "nothing": [b""],
}


@pytest.mark.parametrize("parts", ODD.values(), ids=ODD)
def test_what_is_written_in_another_way_is_read_as_protobuf_does(parts: list[bytes]) -> None:
    reader = ContextReader()
    for size in range(20, 90, 3):  # others of all sizes, so that there is something to be mistaken for
        reader.read(Features(numeric={"x": 1.0, "n" * size: 2.0}).SerializeToString())
    serialised = b"".join(parts)
    made = Features.FromString(serialised)
    for _ in range(2):
        try:
            expected = encode(made)
        except FeatureError:
            with pytest.raises(FeatureError):
                reader.read(serialised)
        else:
            assert reader.read(serialised).text == expected


@pytest.mark.parametrize("garbage", [b"\xff\xff", b"\x0a\x0d\x0a\x02\xff\xff\x11" + b"\x00" * 8, X[:-1]])
def test_what_is_no_message_is_refused(garbage: bytes) -> None:
    reader = ContextReader()
    reader.read(X)
    with pytest.raises(DecodeError):
        reader.read(garbage)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contexts, "_MOST_KEPT", 50)
    reader = ContextReader()
    for i in range(500):
        made = Features(numeric={"a" * (1 + i % 7): 1.0, "b" * (1 + i % 5): 2.0}, categorical={"user": f"u{i}"})
        assert read_by_all(made.SerializeToString(), reader).text == encode(made)
        known, layouts = reader._known, reader._layouts  # noqa: SLF001 - not to be seen from outside
        assert len(known) <= 50
        assert all(len(each) <= contexts._MOST_LAYOUTS for each in layouts.values())  # noqa: SLF001 - the same


def test_what_came_last_is_bounded_and_of_long_contexts_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contexts, "_MOST_RECENT", 5)
    reader = ContextReader()
    for i in range(40):
        words = {f"word {j}": "x" * 20 for j in range(1 if i % 3 else 40)}
        serialised = Features(numeric={"a": float(i)}, categorical=words).SerializeToString()
        assert reader.read(serialised) is reader.read(serialised)
        recent = reader._recent  # noqa: SLF001 - not to be seen from outside
        assert len(recent) <= 5
        assert sum(len(each) > contexts._MOST_BYTES for each in recent) <= 1  # noqa: SLF001 - the same
