"""What a run freezes it lets go: a frozen process ends with its libraries' complaints."""

import gc

from streams.memory import settled


def test_frozen_while_it_works_and_let_go_at_the_end() -> None:
    before = gc.get_freeze_count()
    with settled():
        assert gc.get_freeze_count() > before
    assert gc.get_freeze_count() == 0


def test_let_go_after_a_failure_too() -> None:
    try:
        with settled():
            raise ValueError("of the work")
    except ValueError:
        pass
    assert gc.get_freeze_count() == 0
