"""classify: a text in; a labelled event where the classifier is sure, else a case for the judge.

Some of the sure ones go to the judge as well (audits): only they are an unbiased sample. A doubtful
text about which the judge's answer is worth nothing is *spared*: labelled, and audited, as if sure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.encoder import Encoder
from models.prediction import Prediction, Scored
from streams.asking import Asking, Now, worth_of
from streams.derived import catch_up
from streams.encoding import Encodings
from streams.errors import IdConflict, Unreadable
from streams.feed import Feed
from streams.forgotten import GoneNow
from streams.held import MAX_ROUNDS
from streams.incoming import read_text
from streams.pairing import Pair, Pairing
from streams.records import Authority, Contender, Labeled, Recheck, Text, Uncertain
from streams.revisions import claimed
from streams.scores import Scores
from streams.stage import Delivered, Outgoing, Reader, dead_letter, outgoing, sort_out
from streams.textindex import Claim, TextIndex
from streams.topology import (
    CLASSIFY,
    LABELED,
    RECHECK,
    TEXTS,
    UNCERTAIN,
    UNCERTAIN_LATER,
)
from streams.weighing import Weighing
from streams.wire import Vector


@dataclass(frozen=True)
class _Item:
    """A text with its embedding, and the recheck it comes from, if it does."""

    text: Text
    embedding: NDArray[np.float32]
    recheck: Recheck | None = None


@dataclass(frozen=True)
class _Said:
    """A prediction, what it was made from, and whether nobody is to be asked about it."""

    prediction: Prediction
    scored: Scored
    spared: bool


class Classify:
    """Labels what the model in service is sure of."""

    spec = CLASSIFY

    def __init__(
        self,
        encoder: Encoder,
        feed: Feed,
        index: TextIndex,
        asking: Asking,
        *,
        max_text: int,
        weighing: Weighing | None = None,
        encodings: Encodings | None = None,
        behind: Callable[[str], None] = lambda why: None,
    ) -> None:
        """Without `weighing` every doubtful text is put to the judge; `encodings` and `behind` as
        in `streams.pairing`.
        """
        self._pairing = Pairing(encoder, feed, encodings, behind)
        self._index = index
        self._asking = asking
        self._max_text = max_text
        self._weighing = weighing
        self._reader: Reader | None = None
        self._gone = GoneNow()

    async def start(self, reader: Reader) -> None:
        """Check the encoder against the model, and know every id that was seen before."""
        self._asking.start(reader)
        self._reader = reader
        await self._pairing.start()
        self._gone.news(reader)
        await catch_up(reader, self.spec, (TEXTS,), self._known, self._see)
        if self._gone:
            self._index.forget(self._gone)

    def _forget(self) -> None:
        """Forget what was forgotten since it was last looked."""
        if self._reader is not None and self._gone.news(self._reader):
            self._index.forget(self._gone)

    def _known(self, topic: str, partition: int) -> int:
        return self._index.position(partition)

    async def _see(self, batch: Sequence[Delivered]) -> None:
        claimed(self._index, self._reader, self._texts(batch)[0])

    def settle(self) -> bool:
        """Put the index of ids on the disk."""
        return self._index.settle()

    async def close(self) -> None:
        """Close the index of ids."""
        await self._pairing.close()
        self._index.close()

    async def handle(self, batch: Sequence[Delivered]) -> list[Outgoing]:
        """Label, or pass on to the judge, every text of the batch.

        One that is forgotten is passed over, whatever comes under its id.
        """
        self._forget()
        texts, dead = self._texts([d for d in batch if d.topic == TEXTS.name])
        rechecks, unreadable = sort_out(
            (d for d in batch if d.topic == RECHECK.name and not self._gone.about(d)),
            self.spec.name,
            self._recheck,
        )
        dead += unreadable
        new = []
        for delivered, text, claim in claimed(self._index, self._reader, texts):
            if claim is Claim.NEW:
                new.append(text)
            elif claim is Claim.CONFLICT:
                error = IdConflict(f"id {text.id!r} already stands for another text")
                dead.append(dead_letter(delivered, self.spec.name, error))
        pair = self._pairing.now()
        now = await self._asking.now(pair.version)
        items = await self._items(new, [recheck for _, recheck in rechecks], pair)
        if not items:
            return dead
        answers = await self._answers(items, pair, now)
        self._forget()  # what came in while it was being forgotten has claimed its id
        return dead + answers

    async def _answers(self, items: Sequence[_Item], pair: Pair, now: Now) -> list[Outgoing]:
        version = pair.version
        embeddings = np.stack([item.embedding for item in items])
        predictions, scores = await asyncio.to_thread(version.scored, embeddings)
        scales = self._weighing.now(version) if self._weighing else None
        doubtful = [one.confidence < now.threshold for one in predictions]
        spared = scales.gains_nothing(predictions, doubtful) if scales else [False] * len(items)
        return [
            record
            for item, said, scored, idle in zip(items, predictions, scores, spared, strict=True)
            for record in self._answer(item, _Said(said, scored, idle), pair, now)
        ]

    def _texts(
        self, batch: Sequence[Delivered]
    ) -> tuple[list[tuple[Delivered, Text]], list[Outgoing]]:
        texts, dead = sort_out(batch, self.spec.name, self._text)
        return [(d, text) for d, text in texts if text.id not in self._gone], dead

    def _text(self, delivered: Delivered) -> Text:
        return read_text(
            delivered.value, delivered.position, delivered.headers, max_text=self._max_text
        )

    def _recheck(self, delivered: Delivered) -> Recheck:
        recheck, encoder = Recheck.decode(delivered.value), self._pairing.now().encoder
        same = recheck.embedding.encoder == encoder.identity
        if same and recheck.embedding.array().shape != (encoder.dimension,):
            raise Unreadable(f"the embedding of {recheck.text.id!r} has another dimension")
        return recheck

    async def _items(
        self, new: Sequence[Text], rechecks: Sequence[Recheck], pair: Pair
    ) -> list[_Item]:
        """Encode what is new, and held texts whose vectors are of another encoder."""
        encoder = pair.encoder.identity
        known = [one for one in rechecks if one.embedding.encoder == encoder]
        foreign = [one for one in rechecks if one.embedding.encoder != encoder]
        rows = await self._embedded([*new, *(one.text for one in foreign)], pair)
        rows += [one.embedding.array() for one in known]
        whose = [*((text, None) for text in new), *((r.text, r) for r in (*foreign, *known))]
        return [_Item(text, row, r) for (text, r), row in zip(whose, rows, strict=True)]

    async def _embedded(self, texts: Sequence[Text], pair: Pair) -> list[NDArray[np.float32]]:
        if not texts:
            return []
        encoded = await asyncio.to_thread(pair.encoder.encode, [text.text for text in texts])
        # As it will travel: a text examined again must be seen exactly as it was the first time.
        return list(encoded.astype(np.float16).astype(np.float32))

    def _answer(self, item: _Item, said: _Said, pair: Pair, now: Now) -> list[Outgoing]:
        """Label the text, ask about it, both (an audit), or leave a held one where it is."""
        prediction, version = said.prediction, pair.version
        contenders = [
            Contender(label=c.label, probability=round(c.probability, 6))
            for c in prediction.contenders
        ]
        recheck, spared = item.recheck, said.spared
        rejected = recheck.rejected if recheck else []
        sure = spared or prediction.confidence >= now.threshold
        if prediction.label in rejected:
            return []
        records = []
        if sure:
            event = Labeled.make(
                item.text,
                prediction.label,
                Authority.CLASSIFIER,
                version.number,
                signed=f"model {version.number}",
                spared=spared,
                model=version.number,
                confidence=contenders[0].probability,
                contenders=contenders[:3],
            )
            records.append(outgoing(LABELED, item.text.id, event))
        audit = sure and recheck is None and self._asking.drawn(item.text.id) < now.rate
        if audit or (not sure and _worth_asking(recheck, prediction.label)):
            case = Uncertain(
                text=item.text,
                embedding=Vector.of(item.embedding, pair.encoder.identity),
                contenders=[c for c in contenders if c.label not in rejected],
                further=list(prediction.further),
                rest=round(prediction.rest, 6),
                rejected=rejected,
                model=version.number,
                round=recheck.round + 1 if recheck else 1,
                audit=audit,
                spared=spared,
                inclusion=now.rate if audit else 1.0,
                rate=now.rate,
                apart=self._asking.apart(item.text.id),
                scores=None if recheck else Scores.of(said.scored),
            )
            first = audit or self._asking.first(worth_of(prediction, version), now.room)
            topic = UNCERTAIN if first else UNCERTAIN_LATER
            records.append(outgoing(topic, item.text.id, case))
        return records


def _worth_asking(recheck: Recheck | None, lead: str) -> bool:
    """Tell whether to judge a doubtful text: again only about another lead, and not for ever."""
    return recheck is None or (lead != recheck.lead and recheck.round < MAX_ROUNDS)
