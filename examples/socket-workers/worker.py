"""A worker in Python, on python-socketio and nothing of Lovage's. `worker.py [URL]`, with a token in LOVAGE_TOKEN"""
import asyncio, os, signal, socketio, sys, uuid

HOST = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:4600"
INPUT = {"type": "object", "properties": {"below": {"type": "integer", "minimum": 2}}, "required": ["below"]}
OPTIONS = {"protocol": 1, "instance": str(uuid.uuid4()), "capacity": 2, "input": INPUT, "features": ["ack", "lease", "cancel"]}
sio = socketio.AsyncClient(handle_sigint=False)
runs = {}  # by the id of a task: its lease, and what became of it, until the server has acknowledged that


def work(properties):
    return sum(all(n % d for d in range(2, int(n**0.5) + 1)) for n in range(2, properties["below"]))


async def say(event, frame, answered):
    if "/" in sio.namespaces:  # connected
        await sio.emit(event, frame, callback=answered)


@sio.event
async def connect():
    resume = [{"id": id, "lease": run["lease"]} for id, run in runs.items()]
    answer = await sio.call("worker.connect", ("primes", {**OPTIONS, "resume": resume}))  # a tuple: two arguments
    print("registered" if answer["ok"] else f"refused: {answer['message']}", flush=True)
    answer["ok"] or await sio.disconnect()
    [runs.pop(id, None) for id in answer.get("lost", [])]
    for id, run in [(id, run) for id, run in runs.items() if "ended" in run]:
        await say(*run["ended"], lambda _, id=id: runs.pop(id, None))


@sio.on("worker.task")
async def task(task, *_):
    asyncio.create_task(perform(task["id"], task["lease"]["id"], task["lease"]["heartbeatMs"] / 1000, task["properties"]))
    return {"accepted": True}  # what a handler returns is the acknowledgement


async def perform(id, lease, seconds, properties):
    run = runs[id] = {"lease": lease}
    forget = lambda *_: runs.pop(id, None)
    working = asyncio.create_task(asyncio.to_thread(work, properties))  # the connection is to be answered meanwhile
    while not (await asyncio.wait([working], timeout=seconds))[0] and runs.get(id) is run:
        await say("worker.task.heartbeat", {"id": id, "lease": lease}, lambda answer: answer["ok"] or forget())
    if runs.get(id) is run:  # neither cancelled nor lost
        failed = working.exception()
        frame = {"id": id, "lease": lease, "success": not failed, "results": str(failed) if failed else working.result()}
        run["ended"] = ("worker.task.fail" if failed else "worker.task.done", frame)
        await say(*run["ended"], forget)


sio.on("worker.cancel", lambda cancel, *_: runs.pop(cancel["id"], None))
sio.on("worker.error", lambda message, *_: print(message, file=sys.stderr, flush=True))


async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: asyncio.create_task(sio.disconnect()))
    await sio.connect(HOST, transports=["websocket"], auth={"token": os.environ.get("LOVAGE_TOKEN")})
    await sio.wait()


asyncio.run(main())
