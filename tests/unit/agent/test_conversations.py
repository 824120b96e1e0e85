"""The running agent's part in a chat: it asks from the last index, waits for the bell, and stays bounded."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from agent.conversations import MAX_WAITING, Conversations
from agent.messages import ChatSeen, ChatWanted
from protocol import link
from protocol.conversation import Said, Side
from protocol.errors import Code, RelevoError
from protocol.tickets import State


class Broker:
    """A broker that holds one conversation."""

    def __init__(self) -> None:
        self.rows: list[Said] = []
        self.asked: list[link.Question] = []
        self.down = False

    def say(self, text: str) -> None:
        index = 10 * (len(self.rows) + 1)
        at = datetime(2026, 11, 22, tzinfo=UTC)
        row = Said(
            index=index, ticket="T-1", at=at, by="Ana", side=Side.TECHNICIAN, kind="ticket.reply", text=text
        )
        self.rows.append(row)

    async def ask(self, message: link.Question) -> link.FromBroker:
        self.asked.append(message)
        if self.down:
            raise RelevoError(Code.UNREACHABLE)
        if isinstance(message, link.Seen):
            return link.Done(ref=message.ref)
        assert isinstance(message, link.ConversationQuery)
        rows = tuple(row for row in self.rows if row.index > (message.after or -1))
        return link.Conversation(
            ref=message.ref, ticket=message.ticket, title="x", state=State.NEW, rows=rows, more=False
        )


def made() -> tuple[Broker, Conversations]:
    broker = Broker()
    return broker, Conversations(broker.ask, iter(range(1_000)).__next__)


def wanted(after: int | None = None, wait_s: float = 20.0, ticket: str = "T-1") -> ChatWanted:
    return ChatWanted(ticket=ticket, after=after, wait_s=wait_s)


async def asked(broker: Broker, times: int) -> None:
    async with asyncio.timeout(30):
        while len(broker.asked) < times:
            await asyncio.sleep(0)


async def test_what_is_there_comes_at_once_and_what_is_not_when_the_bell_rings() -> None:
    broker, conversations = made()
    broker.say("uno")
    assert [row.text for row in (await conversations.page(wanted())).rows] == ["uno"]
    waiting = asyncio.create_task(conversations.page(wanted(10)))
    await asked(broker, 2)
    conversations.news(link.TicketNews(ticket="T-2", index=99, state=State.NEW))
    broker.say("dos")
    conversations.news(link.TicketNews(ticket="T-1", index=20, state=State.NEW))
    assert [row.text for row in (await waiting).rows] == ["dos"]


async def test_a_link_that_was_down_loses_nothing() -> None:
    broker, conversations = made()
    waiting = asyncio.create_task(conversations.page(wanted(0)))
    await asked(broker, 1)
    broker.say("mientras tanto")
    conversations.reconnected()
    assert [row.text for row in (await waiting).rows] == ["mientras tanto"]


async def test_news_between_the_question_and_the_wait_are_not_missed() -> None:
    broker, conversations = made()
    real = broker.ask

    async def ask(message: link.Question) -> link.FromBroker:
        answer = await real(message)
        if len(broker.asked) == 1:
            broker.say("justo entonces")
            conversations.news(link.TicketNews(ticket="T-1", index=10, state=State.NEW))
        return answer

    conversations = Conversations(ask, iter(range(1_000)).__next__)
    assert [row.text for row in (await conversations.page(wanted(0))).rows] == ["justo entonces"]


async def test_so_many_wait_and_no_more_and_nobody_is_left_behind() -> None:
    broker, conversations = made()
    waiting = [asyncio.create_task(conversations.page(wanted(0))) for _ in range(MAX_WAITING)]
    await asked(broker, MAX_WAITING)
    with pytest.raises(RelevoError) as error:
        await conversations.page(wanted(0))
    assert error.value.code is Code.RATE_LIMITED
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (await conversations.page(wanted(0, wait_s=0))).rows == ()


async def test_trouble_with_the_link_is_said() -> None:
    broker, conversations = made()
    broker.down = True
    for work in (conversations.page(wanted()), conversations.seen(ChatSeen(ticket="T-1", index=1))):
        with pytest.raises(RelevoError) as error:
            await work
        assert error.value.code is Code.UNREACHABLE
