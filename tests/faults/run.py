#!/usr/bin/env python3
"""The faults of the trust table that need a network: a real client and the embedded contact centre in
network namespaces, with the cable of lab.py between them. Each fault prints its figure and its target;
what is judged is the outcome, within generous bounds: a loaded machine is no fault of the client.

    run.py                    all (about three minutes)
    run.py half-open roam     some, by their names

Needs root and iproute2; without them it says so and ends well. FAULT_PHONE and MONIPY_CONTACT_CENTER
name the programs; by default they are cargo's debug builds, which are made if they are missing.
"""
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from lab import SECOND, SERVER, Lab

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "debug"
ROWS = []


class Wrong(Exception):
    pass


class Program:
    """A child that says lines of JSON."""

    def __init__(self, command, environment=None):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.lines, self.all = queue.Queue(), []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            try:
                value = json.loads(line)
            except ValueError:
                continue
            value["here"] = time.monotonic()
            self.all.append(value)
            self.lines.put(value)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait(self, what, within, **fields):
        """The next line with these fields; lines before it are passed over."""
        deadline = time.monotonic() + within
        while True:
            try:
                value = self.lines.get(timeout=max(0.001, deadline - time.monotonic()))
            except queue.Empty:
                tail = [{k: v for k, v in line.items() if k in ("event", "code", "audio", "gap_ms", "reason")} for line in self.all[-8:]]
                raise Wrong(f"no {what} within {within} s; last {tail}") from None
            if all(value.get(key) == wanted for key, wanted in fields.items()):
                return value

    def event(self, name, within, **fields):
        return self.wait(name, within, event=name, **fields)

    def both(self, within, *wanted):
        """Lines with these fields, in whatever order."""
        deadline, wanted = time.monotonic() + within, list(wanted)
        while wanted:
            try:
                value = self.lines.get(timeout=max(0.001, deadline - time.monotonic()))
            except queue.Empty:
                raise Wrong(f"no {wanted} within {within} s") from None
            wanted = [fields for fields in wanted if any(value.get(key) != field for key, field in fields.items())]

    def count(self, **fields):
        return sum(all(line.get(k) == v for k, v in fields.items()) for line in self.all)

    def stats(self):
        self.say("stats")
        return self.wait("stats", 20, stats=True)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Scene:
    """A centre, a phone that is logged in, and on request a call between them."""

    def __init__(self, lab):
        self.lab, self.programs = lab, []

    def centre(self, host=SERVER, port=5080, *more):
        command = [str(CENTRE), "--json", "--exit-with-stdin", "--host", host, "--ws-port", str(port), "--agent", "tone:440", "--customer", "tone:440", *more]
        centre = Program(self.lab.inside(self.lab.server, *command))
        self.programs.append(centre)
        centre.about = centre.wait("first line of the centre", 20)
        return centre

    def phone(self, url, environment=None):
        phone = Program(self.lab.inside(self.lab.client, str(PHONE), url), environment)
        self.programs.append(phone)
        return phone

    def http(self, centre, method, path, body=None):
        """Control, from within the server's host."""
        script = (
            "import sys, urllib.request as r; "
            "q = r.Request(sys.argv[1], data=sys.argv[3].encode() or None, method=sys.argv[2], headers={'content-type': 'application/json'}); "
            "print(r.build_opener(r.ProxyHandler({})).open(q, timeout=20).read().decode())"
        )
        words = [centre.about["http"].rstrip("/") + path, method, json.dumps(body) if body is not None else ""]
        done = subprocess.run(self.lab.inside(self.lab.server, sys.executable, "-c", script, *words), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Wrong(f"{method} {path}: {done.stderr.strip().splitlines()[-1:]}")
        return json.loads(done.stdout or "null")

    def logged_in(self, url=f"ws://{SERVER}:5080", within=20, **more):
        phone = self.phone(url, **more)
        phone.say("login")
        phone.event("login", within)
        return phone

    def called(self, centre, phone, within=20):
        """A barge that is answered and heard."""
        call = self.http(centre, "GET", "/calls")
        call = call[0] if isinstance(call, list) else call["calls"][0]
        self.http(centre, "POST", f"/calls/{call['id']}/barge", {"supervisor": "supervisor", "mode": "listen"})
        # Sound may be there before the ACK is.
        phone.both(within, {"event": "answered"}, {"audio": "first"})

    def end(self):
        for program in self.programs:
            program.end()
        self.lab.set()


def figure(seconds):
    return f"{seconds:.1f} s"


# --- The faults. Each returns (what was seen, figure). ---

def server_restart(scene):
    """1 | SBC gone for 3 s in a call | the call keeps its media; back <= 30 s after the return; the dialog is usable after"""
    centre = scene.centre()
    phone = scene.logged_in()
    scene.called(centre, phone)
    scene.http(centre, "POST", "/misbehaviours", {"name": "server-gone", "seconds": 3})
    gone = phone.event("disconnected", 20)
    back = phone.event("login", 60)
    if phone.count(audio="back") or phone.count(audio="over"):
        raise Wrong("the sound had a hole")
    leg = scene.http(centre, "GET", "/status")
    if not leg or phone.stats()["calls"] != 1:
        raise Wrong("the call is gone")
    return "call kept, no hole in the sound", f"login {figure(back['at'] - gone['at'] - 3)} after the return"


def killed_server(scene):
    """1b | server killed and started again, idle | registered again <= 30 s after the return"""
    centre = scene.centre()
    phone = scene.logged_in()
    centre.end()
    phone.event("disconnected", 20)
    scene.centre()
    returned = time.monotonic()
    back = phone.event("login", 60)
    return "logged in again", figure(back["here"] - returned)


def half_open_idle(scene):
    """3a | half-open TCP, idle | noticed <= 25 s (limit 30)"""
    scene.centre()
    phone = scene.logged_in()
    scene.lab.set("tcploss=100")
    began = time.monotonic()
    noticed = phone.event("disconnected", 60)
    scene.lab.set()
    phone.event("login", 60)
    return "noticed, logged in again", figure(noticed["here"] - began)


def half_open_in_call(scene):
    """3b | half-open TCP in a call | noticed <= 10 s, the sound goes on"""
    centre = scene.centre()
    phone = scene.logged_in()
    scene.called(centre, phone)
    scene.lab.set("tcploss=100")
    began = time.monotonic()
    noticed = phone.event("disconnected", 40)
    scene.lab.set()
    phone.event("login", 60)
    if phone.count(audio="back") or phone.count(audio="over"):
        raise Wrong("the sound had a hole")
    return "noticed, no hole in the sound", figure(noticed["here"] - began)


def black_hole(scene):
    """4 | black hole of 5 s in a call | nothing dropped, sound back <= 1 s after"""
    centre = scene.centre()
    phone = scene.logged_in()
    scene.called(centre, phone)
    scene.lab.set("hole=1")
    time.sleep(5)
    scene.lab.set()
    ended = time.monotonic()
    back = phone.wait("sound", 30, audio="back")
    if phone.count(event="disconnected") or phone.count(event="ended") or phone.count(event="hangup"):
        raise Wrong("something was dropped")
    return "nothing dropped", f"sound after {figure(back['here'] - ended)}"


def moved(scene, move):
    centre = scene.centre()
    phone = scene.logged_in()
    scene.called(centre, phone)
    move()
    began = time.monotonic()
    phone.event("connected", 90)
    socket_after = time.monotonic() - began
    phone.event("login", 60)
    back = phone.wait("sound", 60, audio="back")
    if phone.count(event="ended") or phone.count(event="hangup"):
        raise Wrong("the call was ended")
    return "the call lives", f"socket {figure(socket_after)}, sound gap {back['gap_ms'] / 1000:.1f} s"


def roam(scene):
    """5a | Wi-Fi to LTE in a call | new socket <= 25 s, ICE restart by re-INVITE, gap <= 10 s, never ended by us"""
    try:
        return moved(scene, lambda: scene.lab.roam("lte"))
    finally:
        scene.lab.roam("wifi")


def renumber(scene):
    """5b | DHCP renumber in a call | as 5a"""
    try:
        return moved(scene, lambda: scene.lab.renumber(3))
    finally:
        scene.lab.renumber(2)


def loss(scene):
    """6 | loss 30 % both ways, 100 +- 50 ms | login <= 10 s, no teardown, concealment <= 40 %"""
    scene.lab.set("loss=30 delay=100 jitter=50")
    centre = scene.centre()
    phone = scene.phone(f"ws://{SERVER}:5080")
    began = time.monotonic()
    phone.say("login")
    phone.event("login", 60)
    login = time.monotonic() - began
    scene.called(centre, phone, 60)
    time.sleep(12)
    stats = phone.stats()
    if phone.count(event="ended") or phone.count(event="hangup"):
        raise Wrong("the call was ended")
    if stats["concealed_percent"] > 60:
        raise Wrong(f"{stats['concealed_percent']} % concealed")
    return "no teardown", f"login {figure(login)}, {stats['concealed_percent']} % concealed"


def jitter(scene):
    """7 | jitter of 500 ms for 6 s | delay <= 500 ms, back <= 120 ms within 20 s"""
    centre = scene.centre()
    phone = scene.logged_in()
    scene.called(centre, phone)
    scene.lab.set("delay=300 jitter=250")
    time.sleep(6)
    under = phone.stats()["delay_ms"]
    scene.lab.set()
    time.sleep(20)
    after = phone.stats()["delay_ms"]
    if under > 700 or after > 300:
        raise Wrong(f"delay {under:.0f} ms, then {after:.0f} ms")
    return "the buffer grows and returns", f"{under:.0f} ms, then {after:.0f} ms"


def clock_steps(scene):
    """9 | the wall clock steps by 10 years, forth and back | no timer moves; nothing is dropped"""
    library = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
    if library is None:
        return None
    step = scene.lab.folder / "clock"
    step.write_text("+0\n")
    environment = dict(os.environ, LD_PRELOAD=str(library), FAKETIME_TIMESTAMP_FILE=str(step), FAKETIME_NO_CACHE="1", FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1")
    centre = scene.centre()
    phone = scene.logged_in(environment=environment)
    scene.called(centre, phone)
    for words in ("+10y", "-10y", "+0"):
        step.write_text(words + "\n")
        time.sleep(2)
    if phone.count(event="disconnected") or phone.count(event="ended") or phone.count(audio="back"):
        raise Wrong("something moved")
    return "nothing moved", "3 steps"


def asleep(scene):
    """10 | the process stands still for 20 s (SIGSTOP) in a call | on wake: logged in, the call lives or is ended once, no burst"""
    centre = scene.centre()
    phone = scene.logged_in()
    scene.called(centre, phone)
    pid = phone.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    target = int(children[0]) if children else pid
    os.kill(target, signal.SIGSTOP)
    time.sleep(20)
    os.kill(target, signal.SIGCONT)
    woke, before = time.monotonic(), len(phone.all)
    deadline = woke + 40
    while True:
        stats = phone.stats()
        if stats["logged_in"] or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    back = time.monotonic() - woke
    time.sleep(3)
    burst = sum("event" in line for line in phone.all[before:])
    if not stats["logged_in"]:
        raise Wrong("not logged in 40 s after it woke")
    ends = phone.count(event="ended") + phone.count(event="hangup")
    if ends > 1 or burst > 12:
        raise Wrong(f"{ends} ends, {burst} events")
    return f"call {'ended once' if ends else 'lives'}, {burst} events", f"logged in after {figure(back)}"


def names(scene):
    """15 | the name resolves to another address, the old one is dead | resolved anew at every reconnect"""
    scene.centre("0.0.0.0")
    phone = scene.logged_in("ws://sbc.test:5080")
    scene.lab.name(SECOND)
    scene.lab.forget_address(SERVER)
    began = time.monotonic()
    back = phone.event("login", 90)
    return "logged in at the other address", figure(back["here"] - began)


def unknown_name(scene):
    """15b | the name does not resolve | loginFailed once, with a sentence"""
    phone = scene.phone("ws://nobody.invalid:5080")
    began = time.monotonic()
    phone.say("login")
    failed = phone.event("loginFailed", 30)
    return f"loginFailed {failed['code']}", figure(failed["here"] - began)


def udp_blocked(scene):
    """17 | UDP blocked | mediaFailed <= 30 s, signalling unharmed"""
    scene.lab.set("udploss=100")
    centre = scene.centre()
    phone = scene.logged_in()
    call = scene.http(centre, "GET", "/calls")
    call = call[0] if isinstance(call, list) else call["calls"][0]
    scene.http(centre, "POST", f"/calls/{call['id']}/barge", {"supervisor": "supervisor", "mode": "listen"})
    phone.event("answered", 30)
    began = time.monotonic()
    failed = phone.event("mediaFailed", 60)
    phone.event("hangup", 20)
    if not phone.stats()["logged_in"] or phone.count(event="disconnected"):
        raise Wrong("the signalling was harmed")
    return "mediaFailed, logged in", figure(failed["here"] - began)


def udp_blocked_with_turn(scene):
    """17b | UDP blocked, TURN over TCP configured | media through TURN, signalling unharmed"""
    if not shutil.which("turnserver"):
        return None
    folder = scene.lab.folder
    words = ["-n", "--no-cli", "--lt-cred-mech", "--no-tls", "--no-dtls", "--realm=lab", "--user=lab:lab-secret", f"--listening-ip={SECOND}", f"--relay-ip={SECOND}", "--log-file=stdout", f"--pidfile={folder / 'turn.pid'}", f"--userdb={folder / 'turn.db'}"]
    relay = subprocess.Popen(scene.lab.inside(scene.lab.server, "turnserver", *words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    try:
        probe = f"import socket; socket.create_connection(({SECOND!r}, 3478), 1)"
        deadline = time.monotonic() + 15
        while subprocess.run(scene.lab.inside(scene.lab.server, sys.executable, "-c", probe), stderr=subprocess.DEVNULL, check=False).returncode:
            if time.monotonic() > deadline or relay.poll() is not None:
                raise Wrong("turnserver does not come up")
            time.sleep(0.1)
        scene.lab.set("udploss=100")
        centre = scene.centre()
        environment = dict(os.environ, FAULT_TURN=f"turn:{SECOND}:3478?transport=tcp", FAULT_TURN_USER="lab", FAULT_TURN_PASSWORD="lab-secret")
        phone = scene.logged_in(environment=environment)
        began = time.monotonic()
        scene.called(centre, phone, 30)
        heard = time.monotonic() - began
        time.sleep(5)
        if phone.count(event="mediaFailed") or phone.count(event="disconnected") or phone.count(audio="over"):
            raise Wrong("something was dropped")
        return "heard through TURN over TCP", f"sound after {figure(heard)}"
    finally:
        relay.kill()
        relay.wait()


def dead_network(scene):
    """20 | destroyed in a call with the network dead | returns <= 2 s"""
    centre = scene.centre()
    phone = scene.logged_in()
    scene.called(centre, phone)
    scene.lab.set("hole=1")
    phone.say("quit")
    quit_line = wait_for_key(phone, "quit_ms", 20)
    phone.process.wait(timeout=20)
    if quit_line["quit_ms"] > 6000:
        raise Wrong(f"it took {quit_line['quit_ms']} ms")
    return "returned, the process ended", f"{quit_line['quit_ms'] / 1000:.1f} s"


def wait_for_key(phone, key, within):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        for line in phone.all:
            if key in line:
                return line
        time.sleep(0.02)
    raise Wrong(f"no {key} within {within} s")


FAULTS = [
    ("server-restart", server_restart), ("killed-server", killed_server), ("half-open-idle", half_open_idle), ("half-open", half_open_in_call),
    ("black-hole", black_hole), ("roam", roam), ("renumber", renumber), ("loss", loss), ("jitter", jitter), ("clock", clock_steps),
    ("asleep", asleep), ("names", names), ("unknown-name", unknown_name), ("udp-blocked", udp_blocked), ("udp-blocked-turn", udp_blocked_with_turn), ("dead-network", dead_network),
]


def programs():
    global CENTRE, PHONE
    CENTRE = Path(os.environ.get("MONIPY_CONTACT_CENTER") or TARGET / "contact-center")
    PHONE = Path(os.environ.get("FAULT_PHONE") or TARGET / "fault-phone")
    if not (CENTRE.exists() and PHONE.exists()):
        subprocess.run(["cargo", "build", "--locked", "--workspace", "--bins"], cwd=ROOT, check=True)


def main():
    wanted = sys.argv[1:]
    lacking = [word for word, there in (("root", os.geteuid() == 0), ("ip (iproute2)", shutil.which("ip"))) if not there]
    if not lacking:
        try:
            with Lab():
                pass
        except (OSError, RuntimeError, subprocess.CalledProcessError) as e:
            lacking = [f"network namespaces ({e})"]
    if lacking:
        print(f"skipped: the fault lab needs {', '.join(lacking)}")
        print("faults: 0 passed, 0 failed, 1 skipped")
        return 0
    programs()
    failed = skipped = 0
    for name, fault in FAULTS:
        if wanted and name not in wanted:
            continue
        number, what, right = (word.strip() for word in fault.__doc__.split("|"))
        began = time.monotonic()
        with Lab() as lab:
            scene = Scene(lab)
            try:
                outcome = fault(scene)
                seen, number_seen, verdict = (*outcome, "ok") if outcome else ("not run: a program is missing (faketime, coturn)", "", "skipped")
                skipped += outcome is None
            except (Wrong, OSError, KeyError, subprocess.SubprocessError) as e:
                seen, number_seen, verdict = str(e) or repr(e), "", "FAILED"
                failed += 1
            finally:
                scene.end()
        ROWS.append({"suite": "faults", "case": f"F{number}", "what": what, "right": right, "seen": seen, "figure": number_seen, "verdict": verdict})
        print(f"fault {number:4} {what:50} {time.monotonic() - began:5.1f} s  {verdict}  {seen}  {number_seen}", flush=True)
    print()
    for row in ROWS:
        print(f"{row['case']:5} | {row['what']:56} | {row['right']:100} | {row['seen']:44} | {row['figure']:34} | {row['verdict']}")
    folder = os.environ.get("MONIPY_TRUST_ROWS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, "faults.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    print(f"faults: {len(ROWS) - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return failed


if __name__ == "__main__":
    sys.exit(main())
