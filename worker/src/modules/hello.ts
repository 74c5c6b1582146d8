/** The hello module (Celery's mingle): asks the others at the start, and after a comeback, what was revoked and what their clocks say. */
import type { ControlReply, RequestOptions } from '@lovage/core'
import type { Module, WorkerSurface } from '../module.ts'
import { revokedFromWire, revokedToWire } from '../revoked-wire.ts'

export interface HelloOptions {
  /**
   * Whether to wait for the answers before consuming. Default: where only workers remember what was revoked (Celery); elsewhere it is
   * dropped as soon as it is heard of.
   */
  readonly wait?: boolean | undefined
  /** Milliseconds to wait for answers. Default 1000. */
  readonly timeoutMs?: number | undefined
}

/** Says hello when the worker starts, and when its broker was away and is back. */
export function hello(options: HelloOptions = {}): Module {
  const stopping = new AbortController()
  let say: () => Promise<void> = async () => {}
  return {
    name: 'hello',
    start(worker) {
      const request = { timeoutMs: options.timeoutMs ?? 1000, signal: stopping.signal }
      say = async () => {
        const said = Promise.all([sayHello(worker, request), warnOfTwins(worker)]).catch(
          (error) => stopping.signal.aborted || worker.report(error),
        )
        if (options.wait ?? worker.broker.asksBeforeTaking === true) await said
      }
      return say()
    },
    back: () => say(),
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

/** Commands reach all workers of a name, and nobody can tell what they say apart. */
async function warnOfTwins({ broker, name, logger }: WorkerSurface): Promise<void> {
  const twins = ((await broker.admin?.workers()) ?? []).filter((other) => other.name === name && other.pid !== process.pid)
  const [twin] = twins
  if (twin === undefined) return
  logger.warn(
    { worker: name, pid: twin.pid },
    `another live worker is called ${name}, too (pid ${twin.pid}): commands reach both; give each worker a name of its own`,
  )
}

function learn(worker: WorkerSurface, reply: ControlReply): void {
  if (!reply.ok || typeof reply.value !== 'object' || reply.value === null) return
  const { revoked, clock } = reply.value as { revoked?: unknown; clock?: unknown }
  worker.lamport.merge(clock)
  const ids = revokedFromWire(revoked)
  if (ids.length > 0) worker.revoke(ids)
}
