"""Which columns hold text, label and id: by the names that people give them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.errors import Fatal

# fmt: off
TEXT = (
    "text", "message", "body", "content", "description", "comment", "utterance", "query",
    "question", "sentence", "review", "feedback", "transcript", "note", "document", "post",
    "tweet", "prompt", "input", "request", "complaint", "summary", "title", "subject",
    "headline", "textbody", "messagebody", "nachricht", "inhalt", "beschreibung", "kommentar",
    "anfrage", "frage", "bemerkung", "betreff", "titel", "texte", "contenu", "commentaire",
    "sujet", "texto", "mensaje", "contenido", "descripcion", "descripción", "comentario",
    "asunto", "testo", "messaggio", "contenuto", "descrizione", "commento", "tekst", "bericht",
    "omschrijving", "mensagem", "conteúdo", "descrição",
)
"""The likelier first: where a file has a title and a body, the body is the text."""

LABEL = (
    "label", "category", "intent", "class", "topic", "tag", "labels", "classification",
    "target", "labelname", "categoryname", "kategorie", "klasse", "etikett", "thema",
    "categoria", "categoría", "etiqueta", "catégorie", "classe", "etichetta", "étiquette",
)

ID = (
    "id", "uuid", "guid", "key", "textid", "messageid", "ticketid", "caseid", "issueid",
    "rowid", "docid", "documentid", "recordid", "externalid", "ticketnumber",
)

NAME = (
    "name", "displayname", "labelname", "categoryname", "title", "bezeichnung", "titel", "nom",
    "nombre",
)

GUIDE = (
    "guide", "guideline", "guidelines", "description", "definition", "meaning", "explanation",
    "instructions", "beschreibung", "erklärung", "bedeutung", "descripción", "descrizione",
)
"""Of a file of labels: what people call each, and what belongs under it."""
# fmt: on

ASKED_BY_NAME = {"text": "--text-column", "label": "--label-column", "id": "--id-column"}

KNOWN = {"text": TEXT, "label": LABEL, "id": ID, "name": NAME, "guide": GUIDE}

SHOWN = 8
"""Columns told where the right one is not known."""


@dataclass(frozen=True)
class Columns:
    """Which columns hold text, label and id; None: not asked for, or not there.

    A field within another is a dotted path: `ticket.body`. Of the roles in `elsewhere` the column
    may be one of another file: where it is not there, one is found as if nothing was asked for.
    """

    text: str | None = None
    label: str | None = None
    id: str | None = None
    elsewhere: frozenset[str] = frozenset()


def find(role: str, names: Sequence[str]) -> str | None:
    """Return the column whose name says that it is the text, the label or the id.

    A name as a whole, the likelier first; for texts and labels also one whose last word says so
    ("Ticket description"), if there is only one.
    """
    plain = {name: _plain(name.rsplit(".", 1)[-1]) for name in names}
    shallow = sorted(names, key=lambda name: name.count("."))
    for known in KNOWN[role]:
        for name in shallow:
            if plain[name] == known:
                return name
    if role not in ("text", "label"):
        return None
    by_last_word = [name for name in names if _plain(_last_word(name)) in KNOWN[role]]
    return by_last_word[0] if len(by_last_word) == 1 else None


def chosen(role: str, columns: Columns, names: Sequence[str], where: str, seen: str) -> str | None:
    """Return the column asked for by name, else one that is found, else None.

    Raises:
        Fatal: there is no column of the name that was asked for.
    """
    wanted: str | None = getattr(columns, role)
    if wanted is None:
        return find(role, names)
    if wanted in names:
        return wanted
    alike = [name for name in names if _plain(name) == _plain(wanted)]
    if len(alike) == 1:
        return alike[0]
    if role in columns.elsewhere:
        return find(role, names)
    raise Fatal(
        f"{where} has no column {wanted!r} ({ASKED_BY_NAME[role]}). It has: {seen or 'nothing'}"
    )


def unknown(role: str, where: str, seen: str) -> Fatal:
    """Return the error of a file whose text (or label) could be anywhere."""
    what = {"text": "the text", "label": "the label", "id": "the id"}[role]
    return Fatal(
        f"{where}: no column is called as one that holds {what}; name it with"
        f" {ASKED_BY_NAME[role]}. It has: {seen or 'nothing'}"
    )


def shown(values: Mapping[str, object]) -> str:
    """Return columns with their first values, for people."""
    told = [f"{name} ({_short(value)})" for name, value in list(values.items())[:SHOWN]]
    more = len(values) - SHOWN
    return ", ".join(told) + (f", and {more} more" if more > 0 else "")


def repeats(values: Iterable[object]) -> bool:
    """Tell whether a value stands there twice: then it is no id."""
    seen: set[object] = set()
    for value in values:
        if value in seen:
            return True
        seen.add(value)
    return False


def _short(value: object) -> str:
    words = " ".join(str(value).split())
    return repr(words if len(words) <= 30 else words[:29] + "…")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _last_word(name: str) -> str:
    """Return the last word of a name, however its words are divided: also `bodyText`."""
    words = re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    return words[-1] if words else ""
