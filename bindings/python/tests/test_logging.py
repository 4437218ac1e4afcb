"""The log: in Python's logging, with debug=True the SIP messages too, and never a password."""

from __future__ import annotations

import json

from conftest import Centre, run_python


def test_debug_shows_the_sip_messages_and_no_secret(centre: Centre) -> None:
    password = "Zx9-unlike-any-word"
    centre.post("/supervisors", id="ann", password=password)
    result = run_python(
        """
        import asyncio, json, sys, monipy
        async def main():
            async with monipy.Supervisor(json.loads(sys.argv[1]), debug=True) as s:
                await s.login(sys.argv[2], sys.argv[3])
        asyncio.run(main())
        """,
        arguments=[json.dumps(centre.settings()), "ann", password],
    )
    assert result.returncode == 0, result.stderr
    assert "REGISTER sip:" in result.stderr
    assert "DEBUG monipy." in result.stderr
    assert password not in result.stderr


def test_handlers_of_the_program_are_used_and_debug_is_off_by_itself(centre: Centre) -> None:
    result = run_python(
        """
        import asyncio, json, logging, sys, monipy
        logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format="%(name)s %(message)s")
        async def main():
            async with monipy.Supervisor(json.loads(sys.argv[1])) as s:
                await s.login(sys.argv[2], sys.argv[3])
        asyncio.run(main())
        """,
        arguments=[json.dumps(centre.settings()), centre.id, centre.password],
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "REGISTER" not in result.stdout
