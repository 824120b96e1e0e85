"""The part of the role matrix that is about the knowledge base."""

from __future__ import annotations

from broker.calls import MEMBER, TECHNICIAN, Http, Row
from broker.knowledge import api, ticket_api, writing_api
from protocol import knowledge

_ARTICLE, _TICKET = "/v1/articles/{article}", "/v1/tickets/{ticket}"
_VIEW, _STEP = knowledge.ArticleView, knowledge.ArticleStep

KNOWLEDGE_ROUTES: tuple[Row, ...] = (
    Http(
        "GET",
        "/v1/articles",
        api.list_articles,
        MEMBER,
        gives=knowledge.Articles,
        query=("state", "mine", "due", "language", "after", "limit"),
    ),
    Http(
        "POST",
        "/v1/articles",
        writing_api.create_article,
        TECHNICIAN,
        takes=knowledge.ArticleNew,
        gives=_VIEW,
    ),
    Http(
        "POST",
        "/v1/articles/search",
        api.search_articles,
        MEMBER,
        takes=knowledge.ArticleSearch,
        gives=knowledge.Found,
    ),
    Http("GET", _ARTICLE, api.show_article, MEMBER, gives=_VIEW, query=("version", "published")),
    Http("GET", f"{_ARTICLE}/versions", api.list_versions, MEMBER, gives=knowledge.ArticleVersions),
    Http(
        "POST",
        f"{_ARTICLE}/text",
        writing_api.edit_article,
        TECHNICIAN,
        takes=knowledge.ArticleEdit,
        gives=_VIEW,
    ),
    Http("POST", f"{_ARTICLE}/submit", writing_api.submit_article, TECHNICIAN, takes=_STEP, gives=_VIEW),
    Http(
        "POST", f"{_ARTICLE}/give-back", writing_api.give_back_article, TECHNICIAN, takes=_STEP, gives=_VIEW
    ),
    Http("POST", f"{_ARTICLE}/publish", writing_api.publish_article, TECHNICIAN, takes=_STEP, gives=_VIEW),
    Http("POST", f"{_ARTICLE}/retire", writing_api.retire_article, TECHNICIAN, takes=_STEP, gives=_VIEW),
    Http(
        "POST",
        f"{_ARTICLE}/helpful",
        writing_api.article_helped,
        TECHNICIAN,
        takes=knowledge.ArticleHelped,
        gives=_VIEW,
    ),
    # On a ticket.
    Http(
        "POST",
        f"{_TICKET}/kb-searches",
        api.search_for_ticket,
        TECHNICIAN,
        takes=knowledge.ArticleSearch,
        gives=knowledge.Found,
    ),
    Http(
        "POST",
        f"{_TICKET}/article",
        ticket_api.draft_article,
        TECHNICIAN,
        takes=knowledge.ArticleDraftFrom,
        gives=_VIEW,
    ),
    Http(
        "GET",
        f"{_TICKET}/suggestions",
        ticket_api.suggest_for_ticket,
        TECHNICIAN,
        gives=knowledge.Suggestions,
    ),
)
