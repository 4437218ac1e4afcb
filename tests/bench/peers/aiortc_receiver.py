"""aiortc as a receiver of the bench of calls: see tests/bench/calls/main.rs for the protocol."""
import asyncio
import json
import os
import sys
import time

import websockets
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

CALLS = int(os.environ["MONIPY_BENCH_CALLS"])
state = {"counting": False, "frames": 0, "silent": CALLS}
first = {}


def header(message, name):
    for line in message.split("\r\n"):
        key, _, value = line.partition(":")
        if key.strip().lower() == name.lower():
            return value.strip()
    return ""


def response(request, status, user, body=""):
    to = header(request, "To") + ("" if ";tag=" in header(request, "To") else f";tag=peer{user}")
    lines = [f"SIP/2.0 {status}", *(f"{name}: {header(request, name)}" for name in ("Via", "From", "Call-ID", "CSeq")), f"To: {to}"]
    lines.append(f"Contact: <sip:{user}@peer.invalid;transport=ws>")
    if body:
        lines.append("Content-Type: application/sdp")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])


async def hear(user, track):
    while True:
        frame = await track.recv()
        if user not in first and any(bytes(frame.planes[0])):
            first[user] = time.time() * 1000
            state["silent"] -= 1
            if state["silent"] == 0:
                print("up", flush=True)
        if state["counting"]:
            state["frames"] += frame.samples / frame.sample_rate / 0.02


async def call(user):
    async with websockets.connect(os.environ["MONIPY_BENCH_WS"], subprotocols=["sip"], compression=None) as ws:
        await ws.send(
            f"REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/WS peer.invalid;branch=z9hG4bKr{user}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:{user}@127.0.0.1>;tag=r{user}\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: reg-{user}\r\nCSeq: 1 REGISTER\r\n"
            f"Contact: <sip:{user}@peer.invalid;transport=ws>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n"
        )
        connection = None
        async for message in ws:
            text = message if isinstance(message, str) else message.decode()
            if text.startswith("INVITE ") and connection is None:
                connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
                connection.on("track", lambda track: asyncio.ensure_future(hear(user, track)))
                offer = text.split("\r\n\r\n", 1)[1]
                await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
                await connection.setLocalDescription(await connection.createAnswer())
                await ws.send(response(text, "200 OK", user, connection.localDescription.sdp))


async def main():
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    calls = []
    while True:
        word = (await loop.run_in_executor(None, sys.stdin.readline)).strip()
        if word == "go":
            calls = [asyncio.create_task(call(f"s{n}")) for n in range(CALLS)]
        elif word == "count":
            state["counting"] = True
        else:
            break
    print(json.dumps({"frames": round(state["frames"]), "first_pcm": first}), flush=True)
    os._exit(0)


asyncio.run(main())
