"""What redstream is worth, measured: programs that anyone can run on any set of labelled texts.

```
data.py          sets and draws          embeddings.py    vectors, computed once and kept
methods.py       recipe and published    baselines.py     flat, nearest neighbours, centroid
softmax.py       the flat head's solver  pieces.py        the recipe, taken apart
lexical.py       TF-IDF, two numbers     information.py   the same information for recipe and flat
logit.py         weights for numbers     synthetic.py     any number of labels, made up
measures.py      ECE, AUROC, intervals   report.py        tables and JSON
plots.py         one SVG for a record    page.py          docs/benchmarks.md, from the JSON alone
asking.py        when a judge is asked   pupils.py        what it teaches
context.py       what a run is handed    registry.py      all benchmarks, in order
cases.py         a draw for the judge
accuracy.py, thousand.py, unknown.py, speed.py, labels_added.py, ablation.py, ten_thousand.py,
encoder.py       the method: one file for each benchmark
offered.py, prompts.py, neighbours_speed.py, judge_stage.py, judge_measure.py
                 the judge
target.py        what is promised of the texts that nobody is asked about (pool.py: a draw's rest)
```
`python -m benchmarks --help` says how they are run.

The rules: every method gets the same vectors and the same information; draws are paired and their
seeds fixed; every choice (C, temperature, weights) is made on training examples; no test set is
tuned on; where a simple baseline wins, the table says so.
"""
