"""Every kind of record that moves, as it stands on the wire (JSON, UTF-8).

Our own records ignore fields they do not know, so that two versions can run side by side
while an upgrade rolls. What comes from outside is read by `streams.incoming`, which keeps
unknown fields as `attributes`. Times are seconds since the epoch (UTC).
"""

from streams.records.decided import Authority, Labeled, Verdict, Weighed, truth_of
from streams.records.forgotten import Forgotten
from streams.records.model import Claim, Encoded, Layered, Manifest, Refusal, Reliability, Tree
from streams.records.signals import DeadLetter, Drift, FileMark, Round, RoundEnd
from streams.records.taught import LabelCommand, Retrain
from streams.records.text import Contender, Recheck, Text, Uncertain

__all__ = [
    "Authority",
    "Claim",
    "Contender",
    "DeadLetter",
    "Drift",
    "Encoded",
    "FileMark",
    "Forgotten",
    "LabelCommand",
    "Labeled",
    "Layered",
    "Manifest",
    "Recheck",
    "Refusal",
    "Reliability",
    "Retrain",
    "Round",
    "RoundEnd",
    "Text",
    "Tree",
    "Uncertain",
    "Verdict",
    "Weighed",
    "truth_of",
]
