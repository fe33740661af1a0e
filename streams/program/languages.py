"""Which languages texts are in: the default encoder reads English only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

LOOKED_AT = 2_000
"""Texts that are looked at, spread over all."""

SHORTEST = 15
"""Characters below which a text's language is a guess."""

SURE = 0.7
"""How sure the identification has to be."""


def others(texts: Sequence[str]) -> tuple[Counter[str], int]:
    """Return how many texts are in which language other than English, and how many were told.

    Languages are ISO 639-1 codes.
    """
    # Here: its model takes a second to load.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    step = max(1, -(-len(texts) // LOOKED_AT))
    found: Counter[str] = Counter()
    for text in texts[::step]:
        if len(text) >= SHORTEST:
            language, sure = identifier.classify(text)
            if sure >= SURE:
                found[str(language)] += 1
    checked = found.total()
    del found["en"]
    return found, checked
