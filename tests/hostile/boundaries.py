"""All boundaries: everything that somebody from outside can put to redstream."""

from __future__ import annotations

from hypothesis import strategies as st

from streams.incoming import read_text
from streams.records import Tree
from streams.repository import Repository
from streams.stage import Delivered
from streams.trace import text_id
from streams.wire import unsqueezed
from tests.hostile.bench import Sent
from tests.hostile.boundary import Boundary, answered
from tests.hostile.endpoints import ENDPOINTS
from tests.hostile.files import FILES
from tests.hostile.given import any_bytes, headers
from tests.hostile.kept import KEPT
from tests.hostile.people import PEOPLE
from tests.hostile.topics import TOPICS, model_records, squeezed_bytes, text_values


def text_read(given: tuple[bytes, dict[str, str]]) -> str:
    """One value with its headers: a text that can travel on, or a reason why not."""
    value, heads = given
    text_id(Delivered("texts", 0, 1, None, value, heads))
    return answered(lambda: read_text(value, "texts/0/1", heads, max_text=2_000).encode())


def taken(records: list[Sent]) -> str:
    repository = Repository()
    for one in records:
        repository.take(one.key or b"", one.value)
    return "value"


squeezed = st.one_of(any_bytes, any_bytes.map(squeezed_bytes))

PIECES = (
    Boundary("value and headers of a text", st.tuples(text_values(), headers), text_read, 3),
    Boundary("keys and values of models", st.lists(model_records(), max_size=8), taken),
    Boundary("squeezed records", squeezed, lambda value: answered(lambda: unsqueezed(Tree, value))),
)

BOUNDARIES = (*TOPICS, *PIECES, *FILES, *ENDPOINTS, *PEOPLE, *KEPT)
