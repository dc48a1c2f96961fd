"""``python -m fivetran_emulator.connector_sdk FOLDER LOG``: serve the connector.py in a folder as a function, until terminated.

Needs grpc and fivetran_connector_sdk beside this package. What the SDK writes goes to LOG. Once requests are answered, one line
goes to stdout: `Listening at: http://127.0.0.1:PORT`.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from werkzeug import Request, Response

from fivetran_emulator.connector_sdk.function import SdkFunction
from fivetran_emulator.practice.serving import address_of, server_of

USAGE = "usage: python -m fivetran_emulator.connector_sdk FOLDER LOG"


def main(arguments: list[str]) -> int:
    """Serve; the exit status is 0 when it is stopped, 2 for a wrong command line."""
    if len(arguments) != 2:
        print(USAGE, file=sys.stderr)
        return 2
    function = SdkFunction(Path(arguments[0]), log=Path(arguments[1]))
    signal.signal(signal.SIGTERM, _interrupt)
    server = server_of(application(function))
    print(f"Listening at: {address_of(server)}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
        function.close()
    return 0


def application(function: SdkFunction) -> Callable[..., Iterable[bytes]]:
    """It as a WSGI application; one request at a time, as a connection makes them."""
    alone = threading.Lock()

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        with alone:
            reply = function.answer(json.loads(request.get_data() or b"{}"))
        response = Response(reply.body, reply.status, reply.headers, content_type="application/json")
        return response(environ, start_response)

    return answer


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
