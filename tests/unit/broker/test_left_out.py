"""Refusals of one known actor: the first are recorded one by one, the rest counted, and nothing is lost."""

from __future__ import annotations

from broker.left_out import MAX_ACTORS, OTHERS, WINDOW_S, RefusalBook
from broker.limits import SourceLimiter
from protocol.audit import Actor, ActorKind
from protocol.errors import Code


def technician(name: str) -> Actor:
    return Actor(kind=ActorKind.TECHNICIAN, id=name)


GUS, TONI = technician("gus"), technician("toni")


def test_what_is_recorded_of_one_actor_is_bounded_and_the_rest_is_counted() -> None:
    book = RefusalBook()
    admitted = sum(book.admit(GUS, Code.ROLE_MISSING, 10.0) for _ in range(5_000))
    assert admitted == 100
    assert book.admit(TONI, Code.ROLE_MISSING, 10.0), "somebody else is not held up"
    (left,) = book.take(10.0 + WINDOW_S)
    assert (left.actor, left.codes.total(), str(left)) == (GUS, 4_900, "role-missing 4900")
    assert book.take(10.0 + 10 * WINDOW_S) == [], "a count is given once"


def test_a_persistent_actor_gets_one_record_a_second_and_one_count_a_minute() -> None:
    book = RefusalBook()
    recorded = counted = counts = 0
    for tick in range(36_000):  # an hour of ten attempts a second
        recorded += book.admit(GUS, Code.NOT_FOUND, tick / 10)
        for left in book.take(tick / 10):
            counts, counted = counts + 1, counted + left.codes.total()
    counted += sum(left.codes.total() for left in book.take(3_600.0, every=True))
    assert recorded + counted == 36_000
    assert recorded <= 100 + 3_600 and counts <= 60


def test_a_minute_is_counted_to_its_end_unless_the_broker_ends() -> None:
    book = RefusalBook(SourceLimiter(burst=0.0, per_second=0.0))
    book.admit(GUS, Code.ROLE_MISSING, 0.0)
    book.admit(GUS, Code.NOT_FOUND, 1.0)
    book.admit(GUS, Code.ROLE_MISSING, 30.0)
    assert book.take(WINDOW_S - 1) == []
    (left,) = book.take(WINDOW_S - 1, every=True)
    assert str(left) == "role-missing 2, not-found 1"


def test_what_could_not_be_recorded_is_counted_further() -> None:
    book = RefusalBook(SourceLimiter(burst=0.0, per_second=0.0))
    book.admit(GUS, Code.ROLE_MISSING, 0.0)
    taken = book.take(WINDOW_S)
    book.admit(GUS, Code.ROLE_MISSING, WINDOW_S)
    book.give_back(taken)
    (left,) = book.take(WINDOW_S)
    assert (left.begun, left.codes.total()) == (0.0, 2)


def test_many_actors_are_counted_together_at_last() -> None:
    book = RefusalBook(SourceLimiter(burst=0.0, per_second=0.0))
    for number in range(MAX_ACTORS + 50):
        book.admit(technician(f"t{number}"), Code.ROLE_MISSING, 0.0)
    left = book.take(WINDOW_S)
    assert len(left) == MAX_ACTORS + 1
    assert next(one for one in left if one.actor == OTHERS).codes.total() == 50
