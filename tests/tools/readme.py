#!/usr/bin/env python3
"""Runs the README's quick starts as they stand, against the contact centre they name.

A block of code marked `quick-start` is pasted into a file, built the way its section says, and
run; it must end by itself with status 0 and have heard the call. Python and Node use the packages
that their check.sh installed into empty environments.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
BLOCK = re.compile(r"^```(\w+) quick-start\n(.*?)^```$", re.M | re.S)
LEVEL = re.compile(r"(-?\d+\.\d) dBFS")


def sh(command, **options):
    return subprocess.run(command, check=True, **options)


def centre():
    """The contact centre, as the README starts it; ready when it prints its first line."""
    program = os.environ.get("MONIPY_CONTACT_CENTER")
    command = [program] if program else ["cargo", "run", "--locked", "-q", "-p", "contact-center", "--"]
    command += ["--ws-port", "5066", "--barge-after", "1"]
    process = subprocess.Popen(command + ["--json", "--exit-with-stdin"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    first = process.stdout.readline()
    if '"started"' not in first:
        raise SystemExit(f"the contact centre did not start: {first!r}")
    return process


def installed(work):
    """libmonipy, installed for C and C++."""
    prefix = work / "prefix"
    if not prefix.exists():
        sh(["make", "-s", "install", f"PREFIX={prefix}", "PROFILE=dev", "PACKAGES=--workspace"], cwd=ROOT)
    env = dict(os.environ, PKG_CONFIG_PATH=str(prefix / "lib" / "pkgconfig"), LD_LIBRARY_PATH=str(prefix / "lib"))
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "monipy"], env=env, check=True, capture_output=True, text=True).stdout.split()
    return env, flags


def python(code, work):
    interpreter = TARGET / "python" / "empty" / "bin" / "python"
    if not interpreter.exists():
        return None
    (work / "quick.py").write_text(code)
    return [str(interpreter), "quick.py"], work, None


def js(code, work):
    project = TARGET / "node" / "empty"
    if not (project / "node_modules" / "monipy").exists():
        return None
    (project / "quick.mjs").write_text(code)
    return ["node", "quick.mjs"], project, None


def rust(code, work):
    """Compiled against the engine that the workspace's tests have built."""
    built = TARGET / "debug" / "deps"
    engines = sorted(built.glob("libmonipy_core-*.rlib"), key=lambda p: p.stat().st_mtime)
    if not engines:
        return None
    (work / "quick.rs").write_text(code)
    sh(["rustc", "--edition", "2024", "-o", "quick-rust", "quick.rs", "--extern", f"monipy_core={engines[-1]}", "-L", f"dependency={built}"], cwd=work)
    return ["./quick-rust"], work, None


def c(code, work):
    env, flags = installed(work)
    (work / "listen.c").write_text(code)
    sh(["cc", "-o", "listen-c", "listen.c", *flags, "-lm"], cwd=work)
    return ["./listen-c"], work, env


def cpp(code, work):
    env, flags = installed(work)
    (work / "listen.cpp").write_text(code)
    sh(["c++", "-std=c++17", "-o", "listen-cpp", "listen.cpp", *flags, "-pthread"], cwd=work)
    return ["./listen-cpp"], work, env


def main():
    makers = {"python": python, "js": js, "rust": rust, "c": c, "cpp": cpp}
    blocks = BLOCK.findall((ROOT / "README.md").read_text())
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        ready = []
        for language, code in blocks:
            try:
                ready.append((language, makers[language](code, work)))
            except subprocess.CalledProcessError as error:
                print(f"{language}: FAILED to build: {error}")
                failed += 1
        server = centre()
        try:
            for language, how in ready:
                if how is None:
                    print(f"{language}: skipped, run its check.sh first")
                    skipped += 1
                    continue
                command, cwd, env = how
                outcome = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=90)
                loud = sum(float(level) > -50 for level in LEVEL.findall(outcome.stdout))
                if outcome.returncode == 0 and loud >= 20:
                    print(f"{language}: ok, {loud} frames of sound")
                    passed += 1
                else:
                    print(f"{language}: FAILED, status {outcome.returncode}, {loud} frames of sound\n{outcome.stdout[-3000:]}")
                    failed += 1
        finally:
            server.stdin.close()
            server.wait(timeout=20)
    print(f"readme: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not blocks else 0


if __name__ == "__main__":
    sys.exit(main())
