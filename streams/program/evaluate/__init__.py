"""`redstream evaluate`: a folder beside gold labels, in figures, pictures and a page.

reading.py    what the folder knows of each gold text, read once
findings.py   what is found: the JSON, field by field
measures.py   from the one to the other: accuracy, confusion, confidence, thresholds
course.py     the same along the stream, with what happened meanwhile
page.py       the HTML; svg.py and pictures.py draw for it
"""
