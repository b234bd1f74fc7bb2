"""The last line: whatever a handler raises becomes an answer in the error shape.

Known errors of the packages below say their code themselves. What nobody foresaw is logged with its traceback
and answered as INTERNAL, without a word of its inside.
"""

from __future__ import annotations

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from api.answers import error_response
from api.errors import ApiError, ErrorCode
from handlers.errors import HandlerError
from ml.errors import MlError
from store.errors import StoreError

log = structlog.get_logger(__name__)

_BY_STATUS = {
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    413: ErrorCode.PAYLOAD_TOO_LARGE,
    415: ErrorCode.UNSUPPORTED_MEDIA,
}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every exception but a cancellation."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise  # a redirect is an answer
        return error_response(request, _from_http(request, error))
    except ApiError as error:
        return error_response(request, error)
    except (HandlerError, MlError, StoreError) as error:
        return error_response(request, _from_package(error))
    except Exception:
        log.exception("request failed", method=request.method, path=request.path)
        return error_response(request, ApiError(ErrorCode.INTERNAL, "something unforeseen went wrong; the log has it"))


def _from_package(error: HandlerError | MlError | StoreError) -> ApiError:
    converted = ApiError(ErrorCode(error.code), str(error))
    if converted.code.status >= 500:
        log.error("request failed", code=error.code, error=str(error))
    return converted


def _from_http(request: web.Request, error: web.HTTPException) -> ApiError:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return ApiError(
            ErrorCode.METHOD_NOT_ALLOWED,
            f"{request.path} does not take {request.method}; it takes {allowed}",
            headers={"Allow": allowed},
        )
    if isinstance(error, web.HTTPNotFound):
        return ApiError(ErrorCode.NOT_FOUND, f"there is nothing at {request.path}")
    code = _BY_STATUS.get(error.status, ErrorCode.INVALID_REQUEST if error.status < 500 else ErrorCode.INTERNAL)
    return ApiError(code, error.text or error.reason)
