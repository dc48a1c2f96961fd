"""Where the Connector SDK's server listens."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from fivetran_emulator.connector_sdk.served import free_port

HELD, ASKED = 600, 300


def test_a_port_that_a_practice_source_has_is_not_given() -> None:
    """It listens at 127.0.0.1 alone, and the SDK at every address: a port is free at all of them or at none."""
    with ExitStack() as held:
        sources = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(HELD)]
        taken = {source.getsockname()[1] for source in sources}
        assert taken.isdisjoint(free_port() for _ in range(ASKED))
