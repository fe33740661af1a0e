"""One record of every kind, each as its golden file has it.

A change of these files is a change of what old logs hold: add a version beside it, and read both.
A folder of a later version holds only the kinds that changed in it.
"""

from pathlib import Path

from streams.records import (
    Authority,
    Claim,
    Contender,
    DeadLetter,
    Drift,
    FileMark,
    LabelCommand,
    Labeled,
    Layered,
    Manifest,
    Recheck,
    Reliability,
    Retrain,
    Round,
    RoundEnd,
    Text,
    Tree,
    Uncertain,
    Verdict,
    Weighed,
)
from streams.scores import Scores
from streams.wire import Record, Vector

GOLDEN = Path(__file__).parents[2] / "golden" / "records"
VERSIONS = sorted(GOLDEN.iterdir(), key=lambda folder: int(folder.name.removeprefix("v")))

_TEXT = Text(
    id="T0001",
    text='Grüße, my "printer" is on 🔥\n',
    attributes={"channel": "mail", "tags": ["a", {"b": None}], "score": 0.5},
    source="/data/mail.jsonl:17",
    received=1_790_000_000.25,
)
_VECTOR = Vector(encoder="1f2e3d4c5b6a7988", f16="ADi4OmbQ")
_CONTENDERS = [
    Contender(label="printer", probability=0.61),
    Contender(label="fire", probability=0.25),
]
_ROUND_END = RoundEnd(
    examined=25,
    accepted=6,
    sure=1,
    refused=4,
    after=23,
    version=15,
    labeled=427,
    at=1_790_000_060.0,
)
_SCORES = Scores(
    labels=["printer", "fire"],
    f16="zbgAwAC4ALoAAAC8ADQAuADFAMMAvgC9AAAAPAAAALQ=",
    outside=-3.5,
    advised=True,
)
_CASE = Uncertain(
    text=_TEXT,
    embedding=_VECTOR,
    contenders=_CONTENDERS,
    further=["smoke", "heating"],
    rest=0.14,
    rejected=["oven"],
    model=7,
    round=2,
    audit=False,
    spared=True,
    inclusion=1.0,
    rate=0.05,
    apart=True,
    scores=_SCORES,
    attempt=3,
    timeouts=2,
    due=1_790_000_040.0,
)

RECORDS: dict[str, Record] = {
    type(record).__name__: record
    for record in [
        _TEXT,
        _VECTOR,
        _CONTENDERS[0],
        _CASE,
        Recheck(text=_TEXT, embedding=_VECTOR, lead="printer", rejected=["oven"], round=2, model=8),
        Labeled(
            id="T0001",
            label="printer",
            authority=Authority.JUDGE,
            decision=2,
            event="3c3f6f0e-58f1-5c7c-9a3f-0d5d2a6b7c8d",
            confidence=0.61,
            contenders=_CONTENDERS,
            signed="simulated",
            model=7,
            guide="5",
            prompt="verify-1",
            neighbours=["N1", "N2"],
            spared=True,
            withdrawn=True,
            text=_TEXT.text,
            attributes=_TEXT.attributes,
            source=_TEXT.source,
            received=_TEXT.received,
            at=1_790_000_001.5,
        ),
        Verdict(
            id="T0001",
            event="b0a1c2d3-0000-5000-8000-000000000001",
            question="choose",
            options=["fire"],
            outcome="none",
            signed="simulated",
            authority=Authority.JUDGE,
            round=2,
            audit=False,
            spared=True,
            inclusion=0.05,
            rate=0.05,
            apart=_VECTOR,
            scores=_SCORES,
            proposed="printer",
            confidence=0.61,
            model=7,
            guide="5f0c1d2e3a4b",
            prompt="0a1b2c3d4e5f",
            neighbours=["N1"],
            reason="neither",
            tokens=420,
            calls=1,
            estimated=True,
            final=True,
            decision="undecided",
            weighed=Weighed(rightly=0.25, wrongly=0.125, label="printer", probability=0.71),
            held=_CASE,
            at=1_790_000_001.5,
        ),
        Retrain(
            kind="accepted",
            id="T0001",
            label="printer",
            text=_TEXT.text,
            embedding=_VECTOR,
            authority=Authority.JUDGE,
            signed="simulated",
            at=1_790_000_001.5,
        ),
        LabelCommand(
            command="merge",
            label="fire",
            into="printer",
            name="Fire",
            guide="Smoke.",
            embedding=_VECTOR,
            at=1.0,
        ),
        Tree(parts={"head/000": "ee" * 32, "state": "ff" * 32}),
        Manifest(
            number=8,
            epoch=1,
            hash="aa" * 32,
            encoder="1f2e3d4c5b6a7988",
            threshold=0.875,
            audit=0.05,
            claim=Claim(
                state="certified",
                target=0.95,
                bound=0.955,
                agreement=0.981,
                judged=212,
                reason="the judge agrees with at least 0.95 of these texts",
            ),
            trust=Reliability(
                reliable=0.81, steps=[0.7, 0.75, 0.8, 0.8, 0.85, 0.9], answers=320, believed=True
            ),
            judged_from=120,
            shares={"fire": 12.5, "printer": 3.0},
            counted=900,
            layer=Layered(
                quick=[1.0, 0.25, 0.25, 0.15, 0.0, 0.5, 0.8, -2.0],
                full=[0.8, 0.2, 0.2, 0.1, 0.4, 0.5, 0.8, -2.0],
                judged=1500,
            ),
            taught_from=80,
            ageing={"printer": 80},
            labels=["fire", "printer"],
            trees=["bb" * 32, "cc" * 32],
            applied=241,
            applied_labels=3,
            renamed={"oven": "fire"},
            retired=["toaster"],
            learnt=1,
            touched=["printer"],
            restores=5,
            left_out=[(241, 250)],
            at=1_790_000_002.0,
        ),
        _ROUND_END,
        Round(
            number=1,
            version=13,
            part=2,
            before=29,
            texts=400,
            rechecks=31,
            verdicts=380,
            labeled=421,
            end=_ROUND_END,
            at=1_790_000_050.0,
        ),
        Drift(
            kind="disagreement",
            event="d1c2b3a4-0000-5000-8000-000000000001",
            series="audits",
            labels=["printer"],
            since=1_790_000_000.0,
            evidence={"statistic": 12.5, "bound": 9.0, "pairs": ["printer → fire: 3"]},
            texts=["T0001"],
            examples=[_TEXT.text],
            at=1_790_000_002.0,
        ),
        DeadLetter(
            topic="texts",
            partition=0,
            offset=12,
            stage="classify",
            error="Unreadable",
            message="not JSON: expected value at line 1 column 1",
            attempt=1,
            version="0.1.0",
            value="//5icm9rZW4=",
            key="VDAwMDE=",
            headers={"redstream-source": "/data/mail.jsonl:18"},
            requeued=1_790_000_009.0,
            at=1_790_000_003.0,
        ),
        FileMark(role="in", path="/data/mail.jsonl", bytes=4_096, rows=17, digest="dd" * 16),
    ]
}


def golden(kind: str) -> Path:
    """The newest golden file of a kind."""
    return [path for folder in VERSIONS if (path := folder / f"{kind}.json").exists()][-1]


def older() -> list[Path]:
    """Golden files of kinds that have changed since."""
    files = [path for folder in VERSIONS for path in sorted(folder.glob("*.json"))]
    return [path for path in files if path != golden(path.stem)]


def write() -> None:
    """Write what is not in the newest version as it is now: `python -m tests.unit.streams.golden`.

    What changed belongs in the folder of a new version: make it first.
    """
    for kind, record in RECORDS.items():
        known = [folder / f"{kind}.json" for folder in VERSIONS]
        written = [path.read_bytes() for path in known if path.exists()]
        if not written or written[-1] != record.encode() + b"\n":
            known[-1].write_bytes(record.encode() + b"\n")


if __name__ == "__main__":
    write()
