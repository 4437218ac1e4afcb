#!/usr/bin/env python3
"""What enters the product, held against deny.toml: licences, sources, banned crates, least versions,
advisories (from a snapshot of RustSec's database that RUSTSEC_DB names), and where `unsafe` may stand.

    supply_chain.py              checks, and prints a line a check
    supply_chain.py --licences   lists every dependency of the product with its licence
"""
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Below these a fault of the crate reaches us.
LEAST = {
    "pyo3": "0.29.0", "rustls-webpki": "0.103.13", "bytes": "1.11.1", "time": "0.3.47", "tungstenite": "0.20.1",
}
# The only places where `unsafe` may be written: the C layer, the glue of the bindings, the sound cards
# (miniaudio is C), and a counting allocator of a measurement.
UNSAFE = ("monipy-core/device/src/", "monipy-core/examples/packet_cost.rs", "monipy-ffi/src/", "bindings/node/src/", "bindings/python/src/", "monipy-core/fuzz/")
# Crates that say so to the compiler.
FORBID = ("monipy-core/src/lib.rs", "examples/contact-center/src/lib.rs")
failed = passed = skipped = 0


def check(what, wrong):
    global failed, passed
    wrong = list(wrong)
    if wrong:
        failed += 1
        print(f"supply chain: {what}: FAILED: {'; '.join(map(str, wrong[:8]))}")
    else:
        passed += 1
        print(f"supply chain: {what}: ok")


def version(text):
    return tuple(int(n) for n in re.findall(r"\d+", text.split("-")[0].split("+")[0])[:3])


def allowed(expression, names):
    """Whether an SPDX expression can be met: every AND, any OR."""
    text = expression.replace("/", " OR ")
    tokens = re.findall(r"\(|\)|\bAND\b|\bOR\b|[\w.+-]+(?: WITH [\w.+-]+)?", text)

    def either(at):
        met, at = both(at)
        while at < len(tokens) and tokens[at] == "OR":
            other, at = both(at + 1)
            met = met or other
        return met, at

    def both(at):
        met, at = one(at)
        while at < len(tokens) and tokens[at] == "AND":
            other, at = one(at + 1)
            met = met and other
        return met, at

    def one(at):
        if tokens[at] == "(":
            met, at = either(at + 1)
            return met, at + 1
        return tokens[at] in names, at + 1

    return either(0)[0]


def advisories(packages):
    """Advisories that reach a package, from a snapshot: crates/NAME/RUSTSEC-*.md with a TOML front."""
    global skipped
    snapshot = os.environ.get("RUSTSEC_DB")
    if not snapshot:
        skipped += 1
        return print("supply chain: advisories: skipped, RUSTSEC_DB names no snapshot of the RustSec database")
    found = []
    for package in packages:
        for path in Path(snapshot, "crates", package["name"]).glob("RUSTSEC-*.md"):
            front = re.search(r"```toml\n(.*?)```", path.read_text(encoding="utf-8"), re.S)
            advisory = tomllib.loads(front.group(1)) if front else {}
            if advisory.get("advisory", {}).get("withdrawn") or advisory.get("advisory", {}).get("informational"):
                continue
            rules = advisory.get("versions", {})
            safe = rules.get("patched", []) + rules.get("unaffected", [])
            if not any(meets(package["version"], rule) for rule in safe):
                found.append(f"{path.stem} in {package['name']} {package['version']}")
    check("advisories", found)


def meets(text, rule):
    """Cargo's comparison rules as advisories use them: >=, >, <, <=, ^, =, joined by commas."""
    mine = version(text)
    for part in rule.split(","):
        sign, number = re.match(r"\s*(>=|<=|>|<|\^|=|~)?\s*(.*)", part).groups()
        other = version(number)
        if sign == "^":
            lead = next((i for i, n in enumerate(other) if n), 0)
            ok = mine >= other and mine[: lead + 1] == other[: lead + 1]
        else:
            ok = {">=": mine >= other, "<=": mine <= other, ">": mine > other, "<": mine < other}.get(sign, mine[: len(other)] == other)
        if not ok:
            return False
    return True


def main():
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    outside = [p for p in metadata["packages"] if p["source"]]
    if "--licences" in sys.argv:
        for p in sorted(outside, key=lambda p: p["name"]):
            print(f"{p['name']:40} {p['version']:14} {p['license']}")
        return 0
    policy = tomllib.loads((ROOT / "deny.toml").read_text(encoding="utf-8"))
    names, banned = set(policy["licenses"]["allow"]), {b["crate"] for b in policy["bans"]["deny"]}
    registries = policy["sources"]["allow-registry"]
    check("licences", (f"{p['name']} {p['license']}" for p in outside if not p["license"] or not allowed(p["license"], names)))
    check("sources", (f"{p['name']} from {p['source']}" for p in outside if not any(r in p["source"] for r in registries)))
    check("banned crates", (p["name"] for p in outside if p["name"] in banned))
    check("least versions", (f"{p['name']} {p['version']} < {LEAST[p['name']]}" for p in outside if p["name"] in LEAST and version(p["version"]) < version(LEAST[p["name"]])))
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    check("Cargo.lock holds a checksum of every crate", (p["name"] for p in lock["package"] if p.get("source") and "checksum" not in p))
    files = subprocess.run(["git", "ls-files", "*.rs"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    word = re.compile(r"^(?!\s*//).*\bunsafe\s*(?:\{|fn|impl|extern)", re.M)
    strays = [f for f in files if not f.startswith(UNSAFE) and (ROOT / f).exists() and word.search((ROOT / f).read_text(encoding="utf-8"))]
    # A benchmark's allocator that counts, and tests of it, are no part of the product.
    check("unsafe only in the C layer, the bindings and the sound cards", (f for f in strays if "/tests/" not in f and "/benches/" not in f and not f.startswith("tests/")))
    check("the core forbids unsafe", (f for f in FORBID if "#![forbid(unsafe_code)]" not in (ROOT / f).read_text(encoding="utf-8")))
    release = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["profile"]["release"]
    check("overflow checks in release", () if release.get("overflow-checks") is True else ["profile.release.overflow-checks"])
    advisories(outside)
    print(f"supply chain: {len(outside)} crates")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed


if __name__ == "__main__":
    sys.exit(main())
