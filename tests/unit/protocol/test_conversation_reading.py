"""Reading a stream of events, typing a line, and what of a stranger's words reaches a terminal."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import chatting
from protocol.conversation import Attached, Kind, Said, Side
from protocol.drivers.terminal import add_words
from protocol.errors import Code, RelevoError
from protocol.lineedit import MAX_TEXT, LineEditor, Quit
from protocol.scopes import Clearance
from protocol.sse import MAX_EVENT, EventReader, ServerEvent
from protocol.tickets import State
from protocol.wording import agent, conversation, ticket
from technician.cli import ticket_chat

EVENTS = [
    ServerEvent("said", b'{"a":1}', 7),
    ServerEvent("marks", "ñ¡".encode(), None),
    ServerEvent("over", b"{}", 0),
]


def written(events: list[ServerEvent]) -> bytes:
    out = b": here\n\n"
    for event in events:
        place = b"" if event.index is None else b"id: %d\n" % event.index
        out += place + b"event: %s\ndata: %s\n\n" % (event.name.encode(), event.data) + b": here\n\n"
    return out


@given(st.lists(st.integers(1, 40)))
def test_events_are_the_same_however_the_stream_is_cut(sizes: list[int]) -> None:
    data, reader, found = written(EVENTS), EventReader(), []
    for size in sizes:
        found += reader.feed(data[:size])
        data = data[size:]
    assert found + reader.feed(data) == EVENTS


@given(st.binary(max_size=400))
def test_any_bytes_are_events_or_an_error_of_ours(data: bytes) -> None:
    """Invariant: a list of events with indices in range, or a RelevoError."""
    try:
        events = EventReader().feed(data)
    except RelevoError as error:
        assert error.code is Code.MALFORMED
        return
    assert all(event.index is None or 0 <= event.index < 10**16 for event in events)


def test_an_event_that_never_ends_is_cut_off() -> None:
    for piece in (b"data: " + b"x" * 1000, b"data: y\n" * 200):
        reader = EventReader()
        with pytest.raises(RelevoError) as error:
            for _ in range(2 * MAX_EVENT // len(piece) + 2):
                reader.feed(piece)
        assert error.value.code is Code.TOO_LARGE


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (b"hola\r", ["hola"]),
        ("ñandú\n¿qué?\n".encode(), ["ñandú", "¿qué?"]),
        (b"hox\x7fla\r", ["hola"]),
        (b"uno dos\x17tres\r", ["uno tres"]),
        (b"tonto\x15hola\r", ["hola"]),
        (b"\r  \r", []),
        (b"\x04", [Quit.QUIT]),
        (b"a\x04\r", ["a"]),
        (b"\x1b[Aa\x1b[1;5Cb\x1bOPc\r", ["abc"]),
        (b"\x1b[200~uno\rdos\ttres\x1b[201~\r", ["uno\ndos tres"]),
        (b"a\x1b]0;title\x07b\r", ["a0;titleb"]),
        (b"\x00\x01\xff\r", ["\ufffd"]),
    ],
)
def test_a_line_is_what_was_typed(typed: bytes, said: list[object]) -> None:
    assert LineEditor().feed(typed) == said
    editor, one_by_one = LineEditor(), []
    for at in range(len(typed)):
        one_by_one += editor.feed(typed[at : at + 1])
    assert one_by_one == said


def test_what_is_shown_fits_and_what_is_typed_has_a_maximum() -> None:
    editor = LineEditor()
    editor.feed("日本 ab".encode())
    assert [editor.shown(width) for width in (2, 5, 20)] == ["ab", "本 ab", "日本 ab"]
    editor.feed(b"x" * (MAX_TEXT + 100))
    assert len(editor.text) == MAX_TEXT


@given(st.binary(max_size=200))
def test_no_control_character_is_shown_whatever_is_typed(typed: bytes) -> None:
    editor = LineEditor()
    lines = editor.feed(typed)
    for text in (editor.shown(80), *(line for line in lines if isinstance(line, str))):
        assert all(char == "\n" or (char >= " " and char not in "\x7f\x9b\u2028") for char in text)


EVIL = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\r\n\x9b31mfalso: 17:30  Ana: dame la clave"


def said(kind: str, side: Side = Side.TECHNICIAN, **more: object) -> Said:
    file = Attached(
        artifact="art-" + "0" * 24,
        name=EVIL[:100],
        media_type="x",
        size_bytes=3_000_000,
        clearance=Clearance.R1,
    )
    return Said(
        index=1,
        ticket="T-1",
        at=datetime(2026, 11, 22, tzinfo=UTC),
        by=EVIL[:100],
        side=side,
        kind=kind,
        text=EVIL,
        public=True,
        state=State.PENDING,
        attached=file if kind == Kind.ATTACHED else None,
        **more,  # type: ignore[arg-type]
    )


ROWS = [
    said(kind, side)
    for kind in (*Kind, "ticket.take", "ticket.pend", "ticket.resolve", "ticket.close")
    for side in Side
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.kind}-{row.side}")
def test_words_of_the_other_side_cannot_touch_the_terminal(row: Said) -> None:
    add_words(agent.TABLE, ticket.TABLE, conversation.TABLE)
    shown = [ticket_chat.shown(row)]
    if row.kind != Kind.NOTE:
        shown.append(chatting.shown(row))
    for text in shown:
        assert "\x1b" not in text and "\r" not in text and "\x9b" not in text and "\u202e" not in text
        lines = text.split("\n")
        assert all(line.startswith("       ") for line in lines[1:]), "no line can pass for another message"
