"""What hypothesis draws: names, values and features, above all those that mean something to somebody."""

from hypothesis import strategies as st

from attune.v1.features_pb2 import Features, Tags, Vector
from attune_models.features import MAX_NUMBER

# Every character that UTF-8 can hold, and above all those that mean something to somebody.
TEXT = st.text(st.one_of(st.sampled_from('_%~@|: \n\0"\\{'), st.characters(codec="utf-8")), max_size=12)
RESERVED = ("_multi", "_label", "_labelIndex", "_label_cost", "_text", "_tag", "_skipLearn", "a", "p", "c")
NAME = st.one_of(TEXT.filter(bool), st.sampled_from(RESERVED))
NUMBER = st.floats(-MAX_NUMBER, MAX_NUMBER)
FLOAT32 = st.floats(-MAX_NUMBER, MAX_NUMBER, width=32)


@st.composite
def features(draw: st.DrawFn) -> Features:
    """Draws any valid features; each tag once, because a repeated one counts once."""
    tags = draw(st.dictionaries(NAME, st.lists(TEXT, max_size=3, unique=True), max_size=3))
    dense = draw(st.dictionaries(NAME, st.lists(FLOAT32, max_size=3), max_size=3))
    return Features(
        numeric=draw(st.dictionaries(NAME, NUMBER, max_size=3)),
        categorical=draw(st.dictionaries(NAME, TEXT, max_size=3)),
        tags={name: Tags(values=sorted(values)) for name, values in tags.items()},
        dense={name: Vector(values=values) for name, values in dense.items()},
    )
