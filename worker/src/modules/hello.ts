/** The hello module (Celery's mingle): asks the others at the start what was revoked and what their clocks say. */
import type { ControlReply, RequestOptions } from '@lovage/core'
import type { Module, WorkerSurface } from '../module.ts'
import { revokedFromWire, revokedToWire } from '../revoked-wire.ts'

export interface HelloOptions {
  /** Whether to wait for the answers before consuming. Default false: what was revoked is dropped as soon as it is heard of. */
  readonly wait?: boolean | undefined
  /** Milliseconds to wait for answers. Default 1000. */
  readonly timeoutMs?: number | undefined
}

/** Says hello once, when the worker starts. */
export function hello(options: HelloOptions = {}): Module {
  const stopping = new AbortController()
  return {
    name: 'hello',
    async start(worker) {
      const request = { timeoutMs: options.timeoutMs ?? 1000, signal: stopping.signal }
      const said = sayHello(worker, request).catch((error) => stopping.signal.aborted || worker.report(error))
      if (options.wait === true) await said
    },
    stop() {
      stopping.abort()
    },
  }
}

async function sayHello(worker: WorkerSurface, request: RequestOptions): Promise<void> {
  const args = { from_node: worker.name, revoked: revokedToWire(worker.revoked, worker.clock.now()) }
  worker.lamport.tick()
  const replies = await worker.broker.control.request('hello', args, request)
  for (const reply of replies) if (reply.worker !== worker.name) learn(worker, reply)
}

function learn(worker: WorkerSurface, reply: ControlReply): void {
  if (!reply.ok || typeof reply.value !== 'object' || reply.value === null) return
  const { revoked, clock } = reply.value as { revoked?: unknown; clock?: unknown }
  worker.lamport.merge(clock)
  const ids = revokedFromWire(revoked)
  if (ids.length > 0) worker.revoke(ids)
}
