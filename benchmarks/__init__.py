"""What redstream is worth, measured: programs that anyone can run on any set of labelled texts.

```
data.py          sets and draws          embeddings.py    vectors, computed once and kept
methods.py       recipe and published    baselines.py     flat, nearest neighbours, centroid
softmax.py       the flat head's solver  lexical.py       TF-IDF as two more numbers for a label
pieces.py        the recipe, taken apart measures.py      accuracy, ECE, AUROC, paired intervals
report.py        tables and JSON         page.py          docs/benchmarks.md, from the JSON alone
accuracy.py, thousand.py, ...            one file for each benchmark, `python -m benchmarks --help`
```

The rules: every method gets the same vectors and the same information; draws are paired and their
seeds fixed; every choice (C, temperature, weights) is made on training examples; no test set is
tuned on; where a simple baseline wins, the table says so.
"""
