"""An OpenAI-compatible server on loopback that answers, or fails, as a test says.

It reads the question from the rendered prompt alone, as a model would: what it answers rightly
was shown to it. `script` is followed request by request; its last entry stays.
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

Mode = Literal[
    "right",
    "wrong",
    "slow",  # the right answer, after `delay` seconds
    "dripping",  # a byte now and then, for ever
    "malformed",
    "outside",  # of the enum
    "two answers",
    "429",
    "429 after",  # with Retry-After: `after`
    "out of credit",
    "500",
    "cut",  # the connection, in mid-body
    "page",  # a proxy's HTML, with 200
    "list",  # JSON, but nothing like a completion
    "half",  # of the JSON, in a body that says it is whole
    "refusal",
    "filtered",
    "length",
    "400 text",  # this text is too long
    "403",
]

TOO_LONG = "This model's maximum context length is 4096 tokens."


@dataclass
class Loopback:
    """One server. `right` maps texts to labels; a text without one is none of the labels."""

    right: Mapping[str, str] = field(default_factory=dict)
    script: Sequence[Mode] = ("right",)
    key: str = "sk-right-key-0123456789"
    model: str = "tiny"
    has_schema: bool = True
    has_tools: bool = True
    has_temperature: bool = True
    old_limit: bool = True
    refuses_all: bool = False
    reports_usage: bool = True
    delay: float = 0.0
    after: str = "1"
    requests: list[dict[str, Any]] = field(default_factory=list)
    most_at_a_time: int = 0
    url: str = ""
    _running: int = 0
    _runner: web.AppRunner | None = None

    async def start(self) -> "Loopback":
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.asked)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def asked(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        mode = self.script[min(len(self.requests), len(self.script) - 1)]
        self.requests.append(body)
        self._running += 1
        self.most_at_a_time = max(self.most_at_a_time, self._running)
        try:
            refused = self._refused(request, body)
            return refused if refused is not None else await self._answered(request, body, mode)
        finally:
            self._running -= 1

    def _refused(self, request: web.Request, body: dict[str, Any]) -> web.Response | None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if given != self.key:
            return error(401, f"Incorrect API key provided: {given}.", "invalid_api_key")
        if body["model"] != self.model:
            return error(404, f"The model `{body['model']}` does not exist", "model_not_found")
        if self.refuses_all:
            return error(400, "Bad request")
        if "response_format" in body and not self.has_schema:
            return error(400, "Invalid parameter: 'response_format' is not supported")
        if "tools" in body and not self.has_tools:
            return error(400, "tools are not supported")
        if "temperature" in body and not self.has_temperature:
            return error(400, "Unsupported value: 'temperature'", "unsupported_value")
        if "max_tokens" in body and not self.old_limit:
            return error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.")
        return None

    async def _answered(
        self, request: web.Request, body: dict[str, Any], mode: Mode
    ) -> web.StreamResponse:
        if mode == "429 after":
            return error(429, "Rate limit reached", headers={"Retry-After": self.after})
        plain = {
            "429": (429, "Rate limit reached", ""),
            "out of credit": (429, "You exceeded your current quota", "insufficient_quota"),
            "500": (500, "The server had an error", ""),
            "400 text": (400, TOO_LONG, "context_length_exceeded"),
            "403": (403, "Your input was flagged", ""),
        }
        if mode in plain:
            return error(*plain[mode])
        if mode == "page":
            return web.Response(text="<html>Please log in</html>", content_type="text/html")
        if mode == "list":
            return web.json_response([{"choices": []}])
        if mode == "half":
            return web.Response(text='{"choices": [{', content_type="application/json")
        if mode in ("cut", "dripping"):
            return await self._half(request, mode)
        if self.delay:
            await asyncio.sleep(self.delay)
        return web.json_response(self._completion(body, mode))

    async def _half(self, request: web.Request, mode: Mode) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = 1_000
        await response.prepare(request)
        await response.write(b'{"id": "x", "choices": [')
        while mode == "dripping":
            await asyncio.sleep(0.02)
            await response.write(b" ")
        if request.transport is not None:
            request.transport.close()
        return response

    def _completion(self, body: dict[str, Any], mode: Mode) -> dict[str, Any]:
        content, finish = json.dumps(self._said(body, mode)), "stop"
        message: dict[str, Any] = {"role": "assistant"}
        if mode == "malformed":
            content = '{"answer": "invalid", '
        elif mode == "length":
            content, finish = content[:20], "length"
        if mode == "refusal":
            message["refusal"] = "I cannot help with that."
        elif mode == "filtered":
            message["content"], finish = "", "content_filter"
        elif "tools" in body:
            function = {"name": body["tools"][0]["function"]["name"], "arguments": content}
            call = {"id": "c1", "type": "function", "function": function}
            message["tool_calls"] = [call, call] if mode == "two answers" else [call]
        else:
            message["content"] = content * 2 if mode == "two answers" else content
        made: dict[str, Any] = {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": self.model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        }
        if self.reports_usage:
            made["usage"] = {"prompt_tokens": 300, "completion_tokens": 40, "total_tokens": 340}
        return made

    def _said(self, body: dict[str, Any], mode: Mode) -> dict[str, Any]:
        asked = read(body["messages"][-1]["content"])
        label = self.right.get(asked.text)
        if asked.options:
            ids = {name: key for key, name in asked.options.items()}
            answer = ids.get(label or "", "none")
            if mode == "wrong":
                answer = next(key for key in (*asked.options, "none") if key != answer)
        else:
            answer = "valid" if (asked.label == label) != (mode == "wrong") else "invalid"
        if mode == "outside":
            answer = "perhaps"
        return {
            "evidence": [*map(int, asked.examples[:1]), 99],
            "reason": "as shown",
            "answer": answer,
        }


@dataclass(frozen=True)
class Asked:
    """What a rendered prompt asks, read back from its words."""

    text: str
    label: str | None
    options: dict[str, str]
    examples: list[str]


def read(user: str) -> Asked:
    """Read a rendered user message."""
    found = re.search(r"^(#[0-9a-f]{8})\n(.*)\n\1$", user, re.MULTILINE)
    assert found is not None
    head, _, others = user[: found.start()].partition("\nOther labels:\n")
    labels = re.findall(r'^(?:(o\d+) )?("(?:[^"\\]|\\.)*")', head, re.MULTILINE)
    options = {id_: json.loads(name) for id_, name in labels if id_}
    shown = re.findall(r'^(\d+) "', f"{head}\n{others}", re.MULTILINE)
    label = None if options else json.loads(labels[0][1])
    return Asked(json.loads(found[2]), label, options, shown)


def error(
    status: int, message: str, code: str = "", headers: dict[str, str] | None = None
) -> web.Response:
    body = {"error": {"message": message, "type": "error", "param": None, "code": code or None}}
    return web.json_response(body, status=status, headers=headers)
