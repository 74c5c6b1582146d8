/** A process of its own with a backend in it, steered by messages: `node backend-child.ts FILE`. */
import { LovageError } from '@lovage/core'
import { type SqliteBackend, sqliteBackend } from '../src/index.ts'
import type { ChildCall, ChildReply } from './backend-process.ts'

const send = (message: ChildReply): void => void process.send?.(message)
const backend = await sqliteBackend(process.argv[2] ?? '', JSON.parse(process.argv[3] ?? '{}') as object)

const orders: Readonly<Record<string, (...args: never[]) => unknown>> = {
  hold: async (worker: string) => (await backend.liveness.hold(worker)).id,
  watch: () => backend.liveness.watch((holder) => send({ event: 'lost', value: holder })),
  lost: (holders: readonly string[]) => backend.liveness.lost(holders),
  subscribe: (channel: string) => backend.signal.subscribe(channel, (text) => send({ event: channel, value: text })).then(() => {}),
  publish: (channel: string, text: string) => backend.signal.publish(channel, text),
  echo: (from: string, to: string) => backend.signal.subscribe(from, (text) => backend.signal.publish(to, text)).then(() => {}),
  /** Keeps the event loop busy. */
  block(ms: number) {
    const end = performance.now() + ms
    while (performance.now() < end);
  },
  close: () => backend.close(),
}

process.on('message', async ({ id, target, args }: ChildCall) => {
  try {
    const value = await methodOf(backend, target)(...(args as never[]))
    send({ id, value: typeof value === 'function' ? undefined : value })
  } catch (error) {
    send({ id, failed: LovageError.is(error) ? [error.code, error.rawMessage] : ['BUG', String(error)] })
  }
})
send({ event: 'ready', value: undefined })

function methodOf({ store }: SqliteBackend, target: string): (...args: never[]) => unknown {
  const own = orders[target]
  if (own !== undefined) return own
  const [first = '', second] = target.split('.')
  const holder = (second === undefined ? store : store.records) as unknown as Record<string, (...args: never[]) => unknown>
  const method = holder[second ?? first]
  if (method === undefined) throw new TypeError(`no method ${target}`)
  return method.bind(holder)
}
