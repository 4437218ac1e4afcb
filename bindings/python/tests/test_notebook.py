"""In a notebook a loop runs already, and each cell awaits at its top: supervisors live from cell to cell."""

from __future__ import annotations

import ast
import asyncio
import inspect
import textwrap
from typing import Any

from conftest import PATIENCE, Centre

CELLS = [
    # A supervisor made in a cell that awaits nothing, without `async with`; a handler in the next.
    """
    import asyncio, monipy, monipy.sync
    supervisor = monipy.Supervisor(settings)
    events = supervisor.events()
    """,
    """
    told = []
    @supervisor.on("inComingCall")
    async def ring(event):
        await asyncio.sleep(0)
        told.append(event.name)
    """,
    "reply = await supervisor.login(centre.id, centre.password)",
    "leg = await asyncio.to_thread(centre.barge)",
    """
    call = await anext(supervisor.calls())
    await call.answer()
    """,
    """
    frames = []
    async for frame in call.audio(rate=16000):
        frames.append(len(frame))
        if len(frames) == 10:
            break
    """,
    # The face without asyncio blocks the cell, not the library.
    """
    blocking = monipy.sync.Supervisor()
    try:
        blocking.logout()
    except monipy.InvalidState as e:
        code = e.code
    blocking.close()
    """,
    "await call.terminate()",
    "names = [(await anext(events)).name for _ in range(5)]",
    "await supervisor.close()",
]


async def run_cell(source: str, namespace: dict[str, Any]) -> None:
    """As a notebook's kernel runs a cell: in its loop, at the top level."""
    code = compile(textwrap.dedent(source), "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, namespace)
    if inspect.isawaitable(result):
        await result


def test_a_notebook(centre: Centre) -> None:
    namespace: dict[str, Any] = {"settings": centre.settings(), "centre": centre}

    async def kernel() -> None:
        for cell in CELLS:
            async with asyncio.timeout(PATIENCE):
                await run_cell(cell, namespace)

    asyncio.run(kernel())
    assert namespace["reply"].code == 200
    assert namespace["told"] == ["inComingCall"]
    assert namespace["frames"] == [320] * 10
    assert namespace["code"] == 1002
    assert namespace["names"] == ["connected", "login", "trying", "inComingCall", "ringing"]
