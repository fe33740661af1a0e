"""What a label means, in words: what a judge is shown beside the label's name."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guide:
    """What `label` stands for.

    `name` is how people call it; `text` says what it means and what it does not, and may be
    empty. `version` changes whenever name or text do: verdicts made with another version are
    not repeated from the cache, and every verdict is signed with it.
    """

    label: str
    name: str
    text: str
    version: str

    @classmethod
    def of(cls, label: str, name: str = "", text: str = "") -> "Guide":
        """A guide whose version is derived from its content; without a name, the label's."""
        name = name or label
        content = "\0".join((label, name, text)).encode(errors="surrogatepass")
        return cls(label, name, text, hashlib.blake2b(content, digest_size=6).hexdigest())


def guide_of(guides: Mapping[str, Guide], label: str) -> Guide:
    """The label's guide; for a label without one, its name alone.

    A guide for a label that does not exist is never looked up, and so does no harm.
    """
    return guides.get(label) or Guide.of(label)


def together(versions: Iterable[str]) -> str:
    """How a verdict signs for all the guides it was shown, in the order in which it was."""
    return hashlib.blake2b("\0".join(versions).encode(), digest_size=6).hexdigest()
