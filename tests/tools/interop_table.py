#!/usr/bin/env python3
"""Makes docs/interop.md of what the last run of the interop tests proved, peer by peer.

    interop_table.py            writes docs/interop.md
    interop_table.py --check    prints the table; fails when docs/interop.md claims what was not proven

Each scenario that passes leaves a row in TARGET/tmp/interop/rows.jsonl; a later run replaces it.
"""
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
PAGE = ROOT / "docs" / "interop.md"
HEAD = """# Who monipy was tried with
Written by `make interop`: parts that nobody here wrote, started by the tests on loopback. A row stands here when its scenario
passed; what was heard was measured in the audio. The time runs from the INVITE to the first sound at the supervisor,
in a development build and with ringing and answering by program.

| peer | scenario | what was heard or seen | first sound, ms |
| --- | --- | --- | --- |
"""


def rows():
    found = {}
    for line in (TARGET / "tmp" / "interop" / "rows.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        found[row["peer"], row["scenario"]] = row
    return [found[key] for key in sorted(found)]


def table(found):
    lines = (f"| {r['peer']} | {r['scenario']} | {'; '.join(r['heard']) or 'as named'} | {r['first_sound_ms'] or ''} |" for r in found)
    return HEAD + "\n".join(lines) + "\n"


def claimed(text):
    cells = [[cell.strip() for cell in line.strip("|\n ").split("|")] for line in text.splitlines() if line.startswith("| ")]
    return {(row[0], row[1]) for row in cells[2:] if len(row) >= 2} if cells else set()


def main():
    found = rows()
    print(table(found))
    if "--check" in sys.argv:
        missing = claimed(PAGE.read_text(encoding="utf-8")) - {(r["peer"], r["scenario"]) for r in found}
        for peer, scenario in sorted(missing):
            print(f"docs/interop.md claims what no run proved: {peer}, {scenario}")
        return 1 if missing else 0
    PAGE.write_text(table(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
