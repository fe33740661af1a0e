"""What questions took, counted as the endpoint reports it, or estimated and marked as such."""

from dataclasses import dataclass

from judge.llm.prompt import Request

# Beside the length of the prompt itself: what the endpoint's own framing takes.
_FRAME_TOKENS = 20


@dataclass(slots=True)
class Use:
    """What one question took, over all its attempts; `estimated` where not as reported."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.tokens_in + self.tokens_out


@dataclass(slots=True)
class Counts:
    """Since the start: for `status`."""

    calls: int = 0
    retries: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    estimated_tokens: int = 0
    money: float = 0.0


def count_tokens(text: str) -> int:
    """Roughly, without a tokenizer, and rather too many: 3 bytes each.

    English JSON has 3.5 to 4 bytes a token, most other scripts 3 to 6.
    """
    return len(text.encode()) // 3 + 1


def estimate(prompt: Request) -> int:
    """About how many tokens the prompt is read as."""
    return sum(count_tokens(text) for _, text in prompt.messages) + _FRAME_TOKENS
