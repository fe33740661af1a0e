"""Who decides: the judge's questions and answers, the judges themselves, their examples.

Read `question.py` (what is asked and answered), `port.py` and `examples.py` (the two ports),
then `policy.py` (how one text is decided), `guides/` (what labels mean), `measure.py` (how good a
judge is). The adapters are imported by their own names:
`judge.llm` (any OpenAI-compatible endpoint), `judge.simulated`,
`judge.local`, `judge.replay`; `judge.qdrant_edge`, `judge.qdrant_server`, `judge.memory_store`.
"""

from judge.examples import ExamplePoint, ExampleStore
from judge.guides import Guide
from judge.policy import Decision, Policy, decide
from judge.port import Judge, RemoteJudge
from judge.question import Answer, Case, Neighbour

__all__ = [
    "Answer",
    "Case",
    "Decision",
    "ExamplePoint",
    "ExampleStore",
    "Guide",
    "Judge",
    "Neighbour",
    "Policy",
    "RemoteJudge",
    "decide",
]
