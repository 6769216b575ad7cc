"""The OpenAI-compatible service of one model: chat about a picture, and new weights while it runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from finesight.errors import FinesightError, InputError
from finesight.ui.chat import Chat, chat_reply, question_of

if TYPE_CHECKING:
    from finesight.model.answerer import Answerer

OWNER = "finesight"
LOG = logging.getLogger("uvicorn.error")


class Weights(BaseModel):
    """As SGLang takes it, whose further fields are about caches that are not kept here."""

    model_path: str


def build_app(answerer: Answerer) -> FastAPI:
    """The service of a model; it starts and closes the answerer."""
    started = int(time.time())

    @asynccontextmanager
    async def working(_: FastAPI) -> AsyncIterator[None]:
        answerer.start()
        yield
        await run_in_threadpool(answerer.close)

    app = FastAPI(title="finesight", lifespan=working)
    _explain_errors(app)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        model = {"id": answerer.name, "object": "model", "created": started, "owned_by": OWNER}
        return {"object": "list", "data": [model | {"max_model_len": answerer.context}]}

    @app.post("/v1/chat/completions", response_model=None)
    async def chat(asked: Chat) -> dict[str, Any] | JSONResponse:
        if asked.model != answerer.name:
            reason = f"no model {asked.model!r} here; {answerer.name} is served"
            return _error(404, reason, "model_not_found")
        question = await run_in_threadpool(question_of, asked)
        try:
            answered = await asyncio.wrap_future(answerer.ask(question))
        except FinesightError:
            raise
        except Exception as error:  # of the model; left to the framework it would cost the connection
            LOG.exception("a question could not be answered")
            return _error(500, f"{type(error).__name__}: {error}")
        return await run_in_threadpool(chat_reply, asked, answered, answerer)

    @app.post("/update_weights_from_disk", response_model=None)
    async def update(weights: Weights) -> dict[str, Any] | JSONResponse:
        try:
            await asyncio.wrap_future(answerer.exchange(Path(weights.model_path)))
        except FinesightError as error:
            return JSONResponse({"success": False, "message": str(error)}, 400)
        return {"success": True, "message": f"weights of {weights.model_path}", "num_paused_requests": 0}

    return app


def _explain_errors(app: FastAPI) -> None:
    """Whatever goes wrong comes back in the form OpenAI's clients read."""

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        said = [f"{'.'.join(map(str, e['loc'][1:])) or 'body'}: {e['msg']}" for e in error.errors()]
        return _error(400, "; ".join(said), "invalid_value")

    for status in (400, 404, 405, 415):

        @app.exception_handler(status)
        async def refused(_: Request, error: HTTPException) -> JSONResponse:
            return _error(error.status_code, str(error.detail))

    @app.exception_handler(InputError)
    async def unusable(_: Request, error: InputError) -> JSONResponse:
        return _error(400, str(error), "invalid_value")

    @app.exception_handler(FinesightError)
    async def unable(_: Request, error: FinesightError) -> JSONResponse:
        return _error(503, str(error))

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> JSONResponse:
        return _error(500, f"{type(error).__name__}: {error}")


def _error(status: int, message: str, code: str | None = None) -> JSONResponse:
    kind = "invalid_request_error" if status < 500 else "server_error"
    said = {"message": message, "type": kind, "param": None, "code": code}
    return JSONResponse({"error": said}, status)
