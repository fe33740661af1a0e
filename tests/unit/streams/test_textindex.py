"""The index of ids: what is new, what is a repeat, what is a conflict, and for whom."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import Fatal
from streams.derived import catch_up
from streams.embedded.log import SqliteLog
from streams.records import Text
from streams.stage import Delivered, Outgoing
from streams.textindex import REQUEUED_HEADER, Claim, TextIndex
from streams.topology import CLASSIFY, TEXTS
from tests.unit.streams import make

NEW, REPEAT, CONFLICT = Claim.NEW, Claim.REPEAT, Claim.CONFLICT
Texts = list[tuple[Delivered, Text]]


@pytest.fixture
def open_index(tmp_var: Path) -> Iterator[Callable[[], TextIndex]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(TextIndex(tmp_var / "texts.sqlite")))


@pytest.fixture
def index(open_index: Callable[[], TextIndex]) -> TextIndex:
    return open_index()


def texts(*pairs: tuple[str, str], first: int = 0) -> Texts:
    """Ids and words, as they lie one behind the other in `texts`."""
    made = [make.text(id, words) for id, words in pairs]
    return list(zip(make.batch(TEXTS, *made, first=first), made, strict=True))


def requeued(pair: tuple[str, str], offset: int, was: str) -> Texts:
    text = make.text(*pair)
    return [(Delivered(TEXTS.name, 0, offset, None, b"", {REQUEUED_HEADER: was}), text)]


def test_an_id_is_new_once(index: TextIndex) -> None:
    assert index.claim(texts(("a", "x"), ("b", "y"))) == [NEW, NEW]
    assert index.claim(texts(("c", "z"), first=2)) == [NEW]


def test_the_same_id_with_the_same_content_is_a_repeat(index: TextIndex) -> None:
    assert index.claim(texts(("a", "x"), ("a", " x\n"))) == [NEW, REPEAT]


def test_the_same_id_with_another_content_is_a_conflict(index: TextIndex) -> None:
    assert index.claim(texts(("a", "x"), ("a", "y"), ("a", "x"))) == [NEW, CONFLICT, REPEAT]


def test_the_same_content_under_two_ids_is_two_texts(index: TextIndex) -> None:
    assert index.claim(texts(("a", "x"), ("b", "x"))) == [NEW, NEW]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), max_size=12),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=6),
)
def test_a_delivery_repeated_gets_the_answer_it_had(
    tmp_path_factory: pytest.TempPathFactory,
    pairs: list[tuple[str, str]],
    again: list[tuple[int, int]],
) -> None:
    stream = texts(*pairs)
    with closing(TextIndex(tmp_path_factory.mktemp("index") / "texts.sqlite")) as index:
        answers = index.claim(stream)
        for start, stop in again:
            assert index.claim(stream[start:stop]) == answers[start:stop]
        assert index.position() == len(stream)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), min_size=1, max_size=12))
def test_batches_of_any_size_get_the_same_answers(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    stream, folder = texts(*pairs), tmp_path_factory.mktemp("index")
    with (
        closing(TextIndex(folder / "whole.sqlite")) as whole,
        closing(TextIndex(folder / "single.sqlite")) as single,
    ):
        assert whole.claim(stream) == [answer for one in stream for answer in single.claim([one])]


def test_a_dead_letter_put_back_keeps_its_old_claim(index: TextIndex) -> None:
    index.claim(texts(("a", "x"), ("b", "y")))
    assert index.claim(requeued(("a", "x"), 2, was="texts/0/0")) == [NEW]
    assert index.claim(requeued(("a", "x"), 3, was="texts/0/1")) == [REPEAT]
    assert index.claim(requeued(("a", "z"), 4, was="texts/0/1")) == [CONFLICT]


def test_a_conflict_put_back_is_still_a_conflict(index: TextIndex) -> None:
    index.claim(texts(("a", "x"), ("a", "y")))
    assert index.claim(requeued(("a", "y"), 2, was="texts/0/1")) == [CONFLICT]


def test_it_counts_texts_and_repeats_once_each(index: TextIndex) -> None:
    stream = texts(("a", "x"), ("b", "y"), ("a", "x"), ("a", "other"), ("b", "y"))
    index.claim(stream)
    index.claim(stream)
    assert index.counts() == (2, 2)


def test_it_knows_the_ids_in_the_order_in_which_they_came(index: TextIndex) -> None:
    index.claim(texts(*((name, name) for name in "zyxwvutsrqponm")))
    assert index.ids() == list("zyxwvutsrqponm")
    assert index.has("z")
    assert not index.has("a")


def test_what_was_claimed_is_known_after_a_restart(open_index: Callable[[], TextIndex]) -> None:
    first = open_index()
    first.claim(texts(("a", "x")))
    first.close()
    again = open_index()
    assert (again.position(), again.has("a")) == (1, True)
    assert again.claim(texts(("a", "y"), first=1)) == [CONFLICT]


async def caught_up(index: TextIndex, log: SqliteLog) -> int:
    async def see(batch: Sequence[Delivered]) -> None:
        index.claim([(d, Text.decode(d.value)) for d in batch])

    return await catch_up(log, CLASSIFY, (TEXTS,), lambda topic, part: index.position(part), see)


def logged(log: SqliteLog, *pairs: tuple[str, str]) -> None:
    log.append([Outgoing(TEXTS.name, None, make.text(*pair).encode()) for pair in pairs])


def committed(log: SqliteLog, count: int) -> None:
    log.commit(CLASSIFY.name, log.read(CLASSIFY.name, [TEXTS.name], count), ())


async def test_a_lost_index_is_caught_up_with_what_was_committed(
    index: TextIndex, log: SqliteLog
) -> None:
    logged(log, ("a", "x"), ("b", "y"), ("b", "z"))
    committed(log, 2)
    assert await caught_up(index, log) == 2
    assert (index.position(), index.ids()) == (2, ["a", "b"])


async def test_catching_up_takes_more_than_one_chunk(
    index: TextIndex, log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.derived.CHUNK", 3)
    logged(log, *((f"t{n}", "x") for n in range(10)))
    committed(log, 8)
    assert await caught_up(index, log) == 8
    assert len(index.ids()) == 8


async def test_an_index_that_is_level_with_the_log_has_nothing_to_catch_up(
    index: TextIndex, log: SqliteLog
) -> None:
    logged(log, ("a", "x"))
    index.claim(texts(("a", "x")))
    committed(log, 1)
    assert await caught_up(index, log) == 0


async def test_an_index_a_batch_ahead_of_the_commit_is_no_fault(
    index: TextIndex, log: SqliteLog
) -> None:
    """Killed between the claim and the commit: the batch will come again."""
    logged(log, ("a", "x"), ("b", "y"))
    index.claim(texts(("a", "x"), ("b", "y")))
    assert await caught_up(index, log) == 0


async def test_an_index_ahead_of_the_log_belongs_to_another_log(
    index: TextIndex, log: SqliteLog
) -> None:
    index.claim(texts(("a", "x"), ("b", "y")))
    logged(log, ("a", "x"))
    with pytest.raises(Fatal, match=r"'texts' is ahead of the log \(2 > 1\)"):
        await caught_up(index, log)
