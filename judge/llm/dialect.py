"""How an endpoint is spoken to: what of the API it has, found out by its first refusals.

Everybody says "OpenAI-compatible" and means another part of it. The first question goes out in
the fullest form; a 400 that complains leads to the next simpler one, which is then kept.
"""

from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from judge.llm.prompt import Request

Mode: TypeAlias = Literal["schema", "tool", "text"]

_SIMPLER: Final[dict[Mode, Mode]] = {"schema": "tool", "tool": "text"}
_TOOL: Final = "give_answer"
# A refusal of this text, not of the form: no simpler form would help.
_OF_THE_TEXT: Final = ("context_length", "context length", "content_filter", "content policy")


@dataclass(frozen=True, slots=True)
class Dialect:
    """`schema`: structured output; `tool`: one tool, to be called; `text`: asked for in words.

    The system text asks for the same JSON in every mode, so an endpoint that silently ignores
    the schema still answers in form. Reasoning models refuse a `temperature`, and newer ones
    call the limit of the answer otherwise.
    """

    mode: Mode = "schema"
    temperature: bool = True
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"

    def arguments(self, prompt: Request, temperature: float, tokens: int) -> dict[str, Any]:
        """What `chat.completions.create` is given beyond the model."""
        made: dict[str, Any] = {
            "messages": [{"role": role, "content": text} for role, text in prompt.messages],
            self.limit: tokens,
        }
        if self.temperature:
            made["temperature"] = temperature
        if self.mode == "schema":
            made["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": prompt.schema},
            }
        elif self.mode == "tool":
            function = {"name": _TOOL, "description": "Give it.", "parameters": prompt.schema}
            made["tools"] = [{"type": "function", "function": function}]
            made["tool_choice"] = {"type": "function", "function": {"name": _TOOL}}
        return made

    def simpler(self, complaint: str) -> "Dialect | None":
        """The form to try after a refusal with these words; None if there is none."""
        words = complaint.lower()
        if any(sign in words for sign in _OF_THE_TEXT):
            return None
        if self.limit == "max_tokens" and "max_tokens" in words:
            return replace(self, limit="max_completion_tokens")
        if self.temperature and "temperature" in words:
            return replace(self, temperature=False)
        if self.mode in _SIMPLER:
            return replace(self, mode=_SIMPLER[self.mode])
        return None


def content_of(message: object) -> str:
    """What the model said: the arguments of its one tool call, or its text.

    What an endpoint sends may have any shape: nothing here is taken for granted.
    """
    calls = field(message, "tool_calls")
    if isinstance(calls, list) and calls:
        if len(calls) > 1:
            return ""  # two answers are none
        said = field(field(calls[0], "function"), "arguments")
    else:
        said = field(message, "content")
    return said if isinstance(said, str) else ""


def field(value: object, name: str) -> object:
    """The field of a JSON object; None where there is none, or no object."""
    return value.get(name) if isinstance(value, dict) else None


def first_of(value: object) -> object:
    """The first of a JSON array; None where there is none, or no array."""
    return value[0] if isinstance(value, list) and value else None
