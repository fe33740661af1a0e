"""The LLM judge: any OpenAI-compatible endpoint, asked with care.

Read in this order: `prompt.py` (what is asked) and `data.py` (how untrusted text is shown),
`answer.py` (what counts as an answer), `dialect.py`, `failure.py` and `endpoint.py` (one
request), `usage.py`, `budget.py`, `circuit.py`, `pace.py` and `caller.py` (when, how often, at
what cost), `cache.py`, then `judge.py`, which ties them together. `build.py` makes one from its
options.
"""
