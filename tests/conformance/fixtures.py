"""The server that the conformance suite expects to find: its tools, prompts and resources, one small function each.

Names and texts are the suite's. Everything around it is the product's: notifications to listeners go through its
notifier, a change of the tools is told the way an edited grant is.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import mcp_types as types
import trio
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from rhd.ids import Slug
from rhd.mcpserver.mcp_server import caller_of
from rhd.mcpserver.notifier import Notifier
from rhd.mcpserver.sdk import ListChangedServer
from rhd.mcpserver.tool_context import ToolContext
from rhd.mcpserver.uris import make_uri

Context = ServerRequestContext[Any, Any]
Json = dict[str, Any]
STEP_S = 0.05


def png() -> str:
    """Return one red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")).decode()


def wav() -> str:
    """Return one silent sample."""
    data = struct.pack(
        "<4sI4s4sIHHIIHH4sIh", b"RIFF", 38, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", 2, 0
    )
    return base64.b64encode(data).decode()


def text(value: str) -> Json:
    return {"type": "text", "text": value}


def image() -> Json:
    return {"type": "image", "data": png(), "mimeType": "image/png"}


def embedded(uri: str, value: str, mime_type: str = "text/plain") -> Json:
    return {"type": "resource", "resource": {"uri": uri, "mimeType": mime_type, "text": value}}


def done(*content: Json, **more: Any) -> Json:
    return {"resultType": "complete", "content": list(content), **more}


def form(message: str, /, **properties: Json) -> Json:
    """Return a question to the user that asks for all of these."""
    return {"message": message, "requestedSchema": _object(properties)}


def _object(properties: Mapping[str, Any], required: list[str] | None = None) -> Json:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties) if required is None else required,
    }


STRING = {"type": "string"}

# -- tools of both eras ---------------------------------------------------------------------------------------


async def simple_text(ctx: Context, arguments: Json) -> Json:
    return done(text("This is a simple text response for testing."))


async def image_content(ctx: Context, arguments: Json) -> Json:
    return done(image())


async def audio_content(ctx: Context, arguments: Json) -> Json:
    return done({"type": "audio", "data": wav(), "mimeType": "audio/wav"})


async def embedded_resource(ctx: Context, arguments: Json) -> Json:
    return done(embedded("test://embedded-resource", "This is an embedded resource content."))


async def multiple_content_types(ctx: Context, arguments: Json) -> Json:
    mixed = embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json")
    return done(text("Multiple content types test:"), image(), mixed)


async def error_handling(ctx: Context, arguments: Json) -> Json:
    return done(text("This tool intentionally returns an error for testing"), isError=True)


async def with_progress(ctx: Context, arguments: Json) -> Json:
    for progress in (0, 50, 100):
        await ctx.session.report_progress(progress, 100)
        await trio.sleep(STEP_S)
    return done(text("done"))


async def with_logging(ctx: Context, arguments: Json) -> Json:
    for said in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.session.send_log_message("info", said, related_request_id=ctx.request_id)
        await trio.sleep(STEP_S)
    return done(text("done"))


async def any_arguments(ctx: Context, arguments: Json) -> Json:
    return done(text(json.dumps(arguments, sort_keys=True)))


# -- tools that ask the client: in the handshake era over the back channel -------------------------------------


async def sampling(ctx: Context, arguments: Json) -> Json:
    said = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=arguments["prompt"]))
    answer = await ctx.session.create_message([said], max_tokens=100, related_request_id=ctx.request_id)
    return done(text(f"LLM response: {answer.content}"))


async def _ask(ctx: Context, question: Json) -> Json:
    answer = await ctx.session.elicit_form(
        question["message"], question["requestedSchema"], related_request_id=ctx.request_id
    )
    return done(text(f"Elicitation completed: action={answer.action}, content={json.dumps(answer.content)}"))


async def elicitation(ctx: Context, arguments: Json) -> Json:
    username = STRING | {"description": "User's response"}
    email = STRING | {"description": "User's email address"}
    return await _ask(ctx, form(arguments["message"], username=username, email=email))


async def elicitation_defaults(ctx: Context, arguments: Json) -> Json:
    fields = {
        "name": STRING | {"default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": STRING | {"enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    }
    return await _ask(ctx, {"message": "Review these", "requestedSchema": _object(fields, [])})


def _titled(*titles: str) -> list[Json]:
    return [{"const": f"value{number}", "title": title} for number, title in enumerate(titles, 1)]


async def elicitation_enums(ctx: Context, arguments: Json) -> Json:
    options = ["option1", "option2", "option3"]
    fields = {
        "untitledSingle": STRING | {"enum": options},
        "titledSingle": STRING | {"oneOf": _titled("First Option", "Second Option", "Third Option")},
        "legacyEnum": STRING
        | {"enum": ["opt1", "opt2", "opt3"], "enumNames": ["Option One", "Option Two", "Option Three"]},
        "untitledMulti": {"type": "array", "items": STRING | {"enum": options}},
        "titledMulti": {"type": "array", "items": {"anyOf": _titled("First Choice", "Second Choice", "Third Choice")}},
    }
    return await _ask(ctx, {"message": "Choose", "requestedSchema": _object(fields, [])})


# -- tools that ask the client: in the 2026 era by answering with what is missing -----------------------------

NAME = {"method": "elicitation/create", "params": form("What is your name?", name=STRING)}
CONFIRM = {"method": "elicitation/create", "params": form("Please confirm", ok={"type": "boolean"})}
COLOR = {"method": "elicitation/create", "params": form("Step 2: What is your favorite color?", color=STRING)}
ROOTS = {"method": "roots/list", "params": {}}


def sample(said: str, tokens: int) -> Json:
    messages = [{"role": "user", "content": text(said)}]
    return {"method": "sampling/createMessage", "params": {"messages": messages, "maxTokens": tokens}}


def missing(requests: Json, state: str | None = None) -> Json:
    return {"resultType": "input_required", "inputRequests": requests} | ({"requestState": state} if state else {})


def given(ctx: Context, *names: str) -> Json | None:
    """Return the client's answers if all of these are there, each an object."""
    found = (ctx.params or {}).get("inputResponses")
    is_whole = isinstance(found, dict) and all(isinstance(found.get(name), dict) for name in names)
    return found if is_whole else None


def asking(state: str | None = None, /, **requests: Json) -> Callable[[Context, Json], Awaitable[Json]]:
    """Return a tool that wants these answered, and its own state back if it gave one, before it is done."""

    async def ask(ctx: Context, arguments: Json) -> Json:
        if given(ctx, *requests) is None or (state is not None and (ctx.params or {}).get("requestState") != state):
            return missing(requests, state)
        return done(text(f"{state or 'answers'}-ok"))

    return ask


async def multi_round(ctx: Context, arguments: Json) -> Json:
    state = (ctx.params or {}).get("requestState")
    if state == "round-2" and given(ctx, "step2"):
        return done(text("done"))
    if state == "round-1" and given(ctx, "step1"):
        return missing({"step2": COLOR}, "round-2")
    first = {"method": "elicitation/create", "params": form("Step 1: What is your name?", name=STRING)}
    return missing({"step1": first}, "round-1")


async def declared_capabilities(ctx: Context, arguments: Json) -> Json:
    has = ctx.session.client_capabilities
    requests = {}
    if has is not None and has.sampling is not None:
        requests["capital"] = sample("What is the capital of France?", 100)
    if has is not None and has.elicitation is not None:
        requests["name"] = NAME
    return missing(requests) if requests else done(text("nothing to ask"))


async def missing_capability(ctx: Context, arguments: Json) -> Json:
    has = ctx.session.client_capabilities
    if has is None or has.sampling is None:
        needed = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, "this needs sampling", data=needed)
    return done(text("done"))


SCHEMA_2020_12: Json = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {"$anchor": "addressDef", "type": "object", "properties": {"street": STRING, "city": STRING}},
    },
    "properties": {
        "name": STRING,
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": STRING | {"enum": ["phone", "email"]},
        "phone": STRING,
        "email": STRING,
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
NOTHING = _object({})

Tool = tuple[Callable[[Context, Json], Awaitable[Json]], Json]

TOOLS: dict[str, Tool] = {
    "test_simple_text": (simple_text, NOTHING),
    "test_image_content": (image_content, NOTHING),
    "test_audio_content": (audio_content, NOTHING),
    "test_embedded_resource": (embedded_resource, NOTHING),
    "test_multiple_content_types": (multiple_content_types, NOTHING),
    "test_error_handling": (error_handling, NOTHING),
    "test_tool_with_progress": (with_progress, NOTHING),
    "test_tool_with_logging": (with_logging, NOTHING),
    "test_logging_tool": (with_logging, NOTHING),
    "json_schema_2020_12_tool": (any_arguments, SCHEMA_2020_12),
    "test_x_mcp_header": (any_arguments, _object({"region": STRING | {"x-mcp-header": "Region"}}, [])),
    "test_sampling": (sampling, _object({"prompt": STRING})),
    "test_elicitation": (elicitation, _object({"message": STRING})),
    "test_elicitation_sep1034_defaults": (elicitation_defaults, NOTHING),
    "test_elicitation_sep1330_enums": (elicitation_enums, NOTHING),
    "test_missing_capability": (missing_capability, NOTHING),
    "test_streaming_elicitation": (asking(user_name=NAME), NOTHING),
    "test_input_required_result_elicitation": (asking(user_name=NAME), NOTHING),
    "test_input_required_result_sampling": (
        asking(capital_question=sample("What is the capital of France?", 100)),
        NOTHING,
    ),
    "test_input_required_result_list_roots": (asking(client_roots=ROOTS), NOTHING),
    "test_input_required_result_request_state": (asking("state", confirm=CONFIRM), NOTHING),
    "test_input_required_result_tampered_state": (asking("state", confirm=CONFIRM), NOTHING),
    "test_input_required_result_multiple_inputs": (
        asking("state", user_name=NAME, greeting=sample("Generate a greeting", 50), client_roots=ROOTS),
        NOTHING,
    ),
    "test_input_required_result_multi_round": (multi_round, NOTHING),
    "test_input_required_result_capabilities": (declared_capabilities, NOTHING),
}

# -- prompts and resources ------------------------------------------------------------------------------------

PROMPTS: dict[str, tuple[str, ...]] = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
    "test_input_required_result_prompt": (),
}
CONTEXT = {"method": "elicitation/create", "params": form("What context should the prompt use?", context=STRING)}


async def get_prompt(ctx: Context, params: types.GetPromptRequestParams) -> Json:
    named = params.arguments or {}
    match params.name:
        case "test_simple_prompt":
            said = [text("This is a simple prompt for testing.")]
        case "test_prompt_with_arguments":
            said = [text(f"Prompt with arguments: arg1='{named['arg1']}', arg2='{named['arg2']}'")]
        case "test_prompt_with_embedded_resource":
            resource = embedded(named["resourceUri"], "Embedded resource content for testing.")
            said = [resource, text("Please process the embedded resource above.")]
        case "test_prompt_with_image":
            said = [image(), text("Please analyze the image above.")]
        case "test_input_required_result_prompt":
            answers = given(ctx, "user_context")
            if answers is None:
                return missing({"user_context": CONTEXT})
            said = [text(f"In the context {answers['user_context'].get('content')}")]
        case _:
            raise MCPError(types.INVALID_PARAMS, "Unknown prompt")
    return {"resultType": "complete", "messages": [{"role": "user", "content": each} for each in said]}


RESOURCES: dict[str, tuple[str, Json]] = {
    "test://static-text": ("text/plain", {"text": "This is the content of the static text resource."}),
    "test://static-binary": ("image/png", {"blob": png()}),
    "test://watched-resource": ("text/plain", {"text": "Watched."}),
}
TEMPLATE = "test://template/{id}/data"


async def read_resource(ctx: Context, params: types.ReadResourceRequestParams) -> Json:
    uri = str(params.uri)
    if uri in RESOURCES:
        mime_type, contents = RESOURCES[uri]
    elif found := re.fullmatch(r"test://template/([^/]+)/data", uri):
        about = {"id": found[1], "templateTest": True, "data": f"Data for ID: {found[1]}"}
        mime_type, contents = "application/json", {"text": json.dumps(about)}
    else:
        code = types.INVALID_PARAMS if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS else -32002
        raise MCPError(code, "Resource not found", data={"uri": uri})
    return {"resultType": "complete", "contents": [{"uri": uri, "mimeType": mime_type, **contents}]}


# -- the server -----------------------------------------------------------------------------------------------


def artifact_uri(uri: str) -> str:
    """Return a resource of the suite as one that the product's notifier, which knows artifacts alone, can keep."""
    return make_uri(Slug("suite"), uri.partition("://")[2])


def make_server(backend: ToolContext, notifier: Notifier, find: Any) -> ListChangedServer:
    """Return the suite's server; takes what the product's own `make_server` takes, and stands in its place."""
    repo_id = find().id if find is not None else None

    async def trigger_tool_change(ctx: Context, arguments: Json) -> Json:
        notifier.on_grant(caller_of(ctx).id, is_ended=False)
        return done(text("changed"))

    tools: dict[str, Tool] = {**TOOLS, "test_trigger_tool_change": (trigger_tool_change, NOTHING)}

    async def list_tools(ctx: Context, params: Any) -> Json:
        return {
            "resultType": "complete",
            "tools": [{"name": n, "description": f"{n} of the suite", "inputSchema": s} for n, (_, s) in tools.items()],
        }

    async def call_tool(ctx: Context, params: types.CallToolRequestParams) -> Json:
        if params.name not in tools:
            raise MCPError(types.INVALID_PARAMS, "Unknown tool")
        return await tools[params.name][0](ctx, params.arguments or {})

    async def list_prompts(ctx: Context, params: Any) -> Json:
        prompts = [
            {
                "name": name,
                "description": f"{name} of the suite",
                "arguments": [{"name": a, "required": True} for a in named],
            }
            for name, named in PROMPTS.items()
        ]
        return {"resultType": "complete", "prompts": prompts}

    async def list_resources(ctx: Context, params: Any) -> Json:
        listed = [
            {"uri": uri, "name": uri, "description": uri, "mimeType": kind} for uri, (kind, _) in RESOURCES.items()
        ]
        return {"resultType": "complete", "resources": listed}

    async def list_templates(ctx: Context, params: Any) -> Json:
        return {"resultType": "complete", "resourceTemplates": [{"uriTemplate": TEMPLATE, "name": "data"}]}

    async def complete(ctx: Context, params: types.CompleteRequestParams) -> Json:
        found = [v for v in ("paris", "park", "party") if v.startswith(params.argument.value)]
        return {"resultType": "complete", "completion": {"values": found, "total": len(found), "hasMore": False}}

    async def subscribe(ctx: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        await notifier.subscribe(ctx, artifact_uri(params.uri))
        return types.EmptyResult()

    async def unsubscribe(ctx: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        notifier.unsubscribe(ctx, artifact_uri(params.uri))
        return types.EmptyResult()

    async def listen(ctx: Context, params: types.SubscriptionsListenRequestParams) -> types.SubscriptionsListenResult:
        return await notifier.listen(ctx, params, caller_of(ctx), repo_id)

    async def set_level(ctx: Context, params: types.SetLevelRequestParams) -> types.EmptyResult:
        return types.EmptyResult()

    cacheable = ("server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list")
    hints: Any = {m: CacheHint(ttl_ms=0, scope="private") for m in (*cacheable, "resources/read")}
    server = ListChangedServer(
        "conformance-fixtures",
        version=backend.version,
        cache_hints=hints,
        get_tool_input_schema=lambda name: tools[name][1] if name in tools else None,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_completion=complete,
        on_subscribe_resource=subscribe,
        on_unsubscribe_resource=unsubscribe,
        on_subscriptions_listen=listen,
    )
    server.is_talkative = True
    server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, set_level)
    server.middleware.clear()
    server.middleware.append(notifier.middleware(caller_of, repo_id))
    security = RequestStateSecurity(keys=[secrets.token_bytes(32)], ttl=60.0)
    server.middleware.append(RequestStateBoundary(security, default_audience="conformance"))
    return server
