"""What labels mean, in words.

`guide.py` (what a guide is), `file.py` (the file that people edit), `history.py` (versions that
were), `book.py` (the guides in force, followed while the file changes), `compose.py` (a guide from
examples alone), `near.py` (labels near a text by their guides). A model writes guides in
`judge.llm.guide_writer`.
"""

from judge.guides.guide import Guide, guide_of, together

__all__ = ["Guide", "guide_of", "together"]
