"""A worker in Python, on python-socketio and nothing of Lovage's. `worker.py [URL]`, with a token in LOVAGE_TOKEN"""
import asyncio, os, signal, socketio, sys, uuid
INPUT = {"type": "object", "properties": {"below": {"type": "integer", "minimum": 2}}, "required": ["below"]}
OPTIONS = {"protocol": 1, "instance": str(uuid.uuid4()), "capacity": 2, "input": INPUT, "features": ["ack", "lease", "cancel"]}
sio = socketio.AsyncClient(handle_sigint=False)
runs = {}  # leases, by the ids of their tasks, until the server has acknowledged what became of them


def work(properties):
    return sum(all(n % d for d in range(2, int(n**0.5) + 1)) for n in range(2, properties["below"]))


async def say(event, frame, answered):
    if "/" in sio.namespaces:  # connected
        await sio.emit(event, frame, callback=answered)


@sio.event
async def connect():
    resume = [{"id": id, "lease": lease} for id, lease in runs.items()]
    answer = await sio.call("worker.connect", ("primes", {**OPTIONS, "resume": resume}))  # a tuple: two arguments
    if not answer["ok"]:
        return await sio.disconnect()
    print("registered", flush=True)
    for id in answer["lost"]:
        runs.pop(id, None)


@sio.on("worker.task")
async def task(task, *_):
    asyncio.create_task(perform(task["id"], task["lease"]["id"], task["lease"]["heartbeatMs"] / 1000, task["properties"]))
    return {"accepted": True}  # what a handler returns is the acknowledgement


async def perform(id, lease, seconds, properties):
    runs[id] = lease
    forget = lambda *_: runs.get(id) == lease and runs.pop(id)  # and not what may be another run of the task by now
    working = asyncio.create_task(asyncio.to_thread(work, properties))  # the connection is to be answered meanwhile
    while runs.get(id) == lease:  # not yet acknowledged, nor cancelled, nor lost
        if not (await asyncio.wait([working], timeout=seconds))[0]:
            await say("worker.task.heartbeat", {"id": id, "lease": lease}, lambda answer: answer["ok"] or forget())
            continue
        failed = working.exception()
        frame = {"id": id, "lease": lease, "success": not failed, "results": str(failed) if failed else working.result()}
        await say("worker.task.fail" if failed else "worker.task.done", frame, forget)
        await asyncio.sleep(1)


sio.on("worker.cancel", lambda cancel, *_: runs.pop(cancel["id"], None))
sio.on("worker.error", lambda message, *_: print(message, file=sys.stderr, flush=True))


async def main(host="http://127.0.0.1:4600"):
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: asyncio.create_task(sio.disconnect()))
    await sio.connect(host, transports=["websocket"], auth={"token": os.environ.get("LOVAGE_TOKEN")})
    while sio.eio.state == "connected":  # waiting ends with each quick reconnect
        await sio.wait()


asyncio.run(main(*sys.argv[1:]))
