#!/usr/bin/env python3
"""Runs every fuzz target of monipy-core for some seconds.

Needs cargo-fuzz, which it installs into the cache folder if it is missing. A crash leaves its
input under monipy-core/fuzz/artifacts and fails the run: keep it as a test.
"""
import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FUZZ = ROOT / "monipy-core" / "fuzz"
CACHE = Path(os.environ.get("MONIPY_CACHE") or Path.home() / ".cache" / "monipy")


def environment():
    env = dict(os.environ, RUSTC_BOOTSTRAP="1", CARGO_TARGET_DIR=str(CACHE / "target-fuzz"))
    tools = CACHE / "tools"
    env["PATH"] = f"{tools / 'bin'}{os.pathsep}{env['PATH']}"
    if not shutil.which("cargo-fuzz", path=env["PATH"]):
        subprocess.run(["cargo", "install", "--locked", "--root", str(tools), "cargo-fuzz"], check=True, env=env)
    return env


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=20, help="for each target (default 20)")
    parser.add_argument("targets", nargs="*", help="default: all")
    options = parser.parse_args()
    env = environment()
    subprocess.run([str(FUZZ / "seed.sh")], check=True)
    targets = options.targets or sorted(p.stem for p in (FUZZ / "fuzz_targets").glob("*.rs"))
    failed = 0
    for target in targets:
        corpus = CACHE / "corpus" / target
        corpus.mkdir(parents=True, exist_ok=True)
        seeds = FUZZ / "corpus" / target
        command = ["cargo", "fuzz", "run", "--fuzz-dir", str(FUZZ), target, str(corpus)]
        command += [str(seeds)] if seeds.is_dir() else []
        command += ["--", f"-max_total_time={options.seconds}", "-max_len=8192", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]
        print(f"--- {target}", flush=True)
        outcome = subprocess.run(command, cwd=ROOT / "monipy-core", env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        tail = outcome.stdout.splitlines()
        if outcome.returncode != 0:
            failed += 1
            print("\n".join(tail[-60:]))
        else:
            print("\n".join(line for line in tail if line.startswith(("stat::number_of_executed", "stat::new_units"))))
    print(f"fuzz: {len(targets) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
