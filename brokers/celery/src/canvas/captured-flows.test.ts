/** What real clients and workers of Celery published in a flow is what is published here, id for id. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CanvasRun, Raised } from '../fixtures/canvas-run.ts'
import { exceptionRepr, readException } from '../wire/python-exception.ts'
import { pythonRepr } from '../wire/python-repr.ts'
import type { TaskRequest } from '../wire/task-message.ts'
import { afterFailure } from './after-failure.ts'
import { runBuiltin } from './builtin-tasks.ts'
import { type Canvas, chain, chord, chunks, group, map, signature, starmap } from './index.ts'
import type { CanvasSender, TaskOrder } from './orders.ts'
import { retried } from './retry.ts'
import { isRecord, type SignatureOptions } from './signature.ts'
import { applyCanvas } from './start.ts'

interface Flow {
  /** Who spoke: the backend and the version. */
  readonly from: string
  readonly flow: string
  readonly call: string
  readonly client_saw: string | null
  readonly messages: readonly CapturedMessage[]
  readonly records: readonly CapturedRecord[]
}

interface CapturedMessage {
  readonly headers: Readonly<Record<string, unknown>>
  readonly reply_to: string
  readonly priority: number | null
  readonly routing_keys: readonly string[]
  readonly body: readonly [readonly unknown[], Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>]
}

interface CapturedRecord {
  readonly task_id: string
  readonly status: string
  readonly children: unknown
}

const flows: readonly Flow[] = JSON.parse(readFileSync(new URL('../fixtures/canvas/flows.json', import.meta.url), 'utf8'))

const s = (name: string, ...args: readonly unknown[]) => signature(`demo.${name}`, { args })
const { add, mul, fail, tsum, echo, errbackOld } = {
  add: (...args: readonly unknown[]) => s('add', ...args),
  mul: (...args: readonly unknown[]) => s('mul', ...args),
  fail: () => s('fail'),
  tsum: () => s('tsum'),
  echo: () => s('echo'),
  errbackOld: s('errback_old'),
}

/** The call of each flow, and which of the waiting messages ran next where it was not the first. */
const calls: Readonly<
  Record<string, { readonly canvas: Canvas; readonly options?: SignatureOptions; readonly picks?: readonly number[] }>
> = {
  'flows-rpc.5.6.3 chain': { canvas: chain(add(1, 2), mul(3), add(4)) },
  'flows-rpc.5.6.3 chain_failing_middle': {
    canvas: chain(add(1, 2), fail(), add(4)),
    options: { link_error: errbackOld.signature },
  },
  'flows-rpc.5.6.3 link': { canvas: add(1, 2), options: { link: mul(10).signature } },
  'flows-rpc.5.6.3 link_two': { canvas: add(1, 2).link(mul(10), mul(20)) },
  'flows-rpc.5.6.3 errback_old_style': { canvas: fail().linkError(errbackOld) },
  'flows-rpc.5.6.3 errback_unregistered_here': {
    canvas: fail().linkError(signature('elsewhere.task', undefined, { queue: 'other' })),
  },
  'flows-rpc.5.6.3 group': { canvas: group(add(1, 1), add(2, 2)) },
  'flows-rpc.5.6.3 starmap': {
    canvas: starmap('demo.mul', [
      [1, 2],
      [3, 4],
    ]),
  },
  'flows-rpc.5.6.3 chunks': {
    canvas: chunks(
      'demo.mul',
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      2,
    ),
  },
  'flows-redis.5.6.3 chord': { canvas: chord([add(1, 1), add(2, 2)], tsum()), picks: [1] },
  'flows-redis.5.6.3 chord_failing_header': { canvas: chord([add(1, 1), fail()], tsum()) },
  'flows-redis.5.6.3 group_in_chain': { canvas: chain(add(1, 1), group(mul(2), mul(3)), tsum(), add(100)) },
  'flows-redis.5.6.3 chord_body_link_error': { canvas: chord([add(1, 1), fail()], tsum().linkError(errbackOld)) },
  'flows-chord-unlock.5.6.3 chord': { canvas: chord([add(1, 1), add(2, 2)], tsum()) },
  'flows-chord-unlock.5.6.3 chord_failing_header': { canvas: chord([add(1, 1), fail()], tsum()) },
  'task-messages.5.6.3 countdown': { canvas: add(1, 2), options: { countdown: 30 } },
  'task-messages.5.6.3 time_limits': { canvas: add(1, 2).set({ time_limit: 30, soft_time_limit: 20 }) },
  'task-messages.5.6.3 priority': { canvas: add(1, 2).set({ priority: 6 }) },
  'task-messages.5.6.3 ignore_result_option': { canvas: add(1, 2).set({ ignore_result: true }) },
  'task-messages.5.6.3 shadow': { canvas: add(1, 2), options: { shadow: 'pretty-name' } },
  'task-messages.5.6.3 task_id': { canvas: add(1, 2), options: { task_id: 'my-own-id' } },
  'task-messages.5.6.3 chain_immutable': { canvas: chain(add(1, 2), mul(3, 3).immutable()) },
  'task-messages.5.6.3 chain_link': { canvas: chain(add(1, 2), mul(3)).link(echo()) },
  'task-messages.5.6.3 chain_link_error': { canvas: chain(add(1, 2), mul(3)).linkError(errbackOld) },
  'task-messages.5.6.3 chord_with_chain_member': { canvas: chord([chain(add(1, 1), mul(5)), add(2, 2)], tsum()) },
  'task-messages.5.6.3 group_then_task_in_chain': { canvas: chain(add(1, 1), group(mul(2), mul(3)), tsum(), add(100)) },
  'task-messages.5.6.3 stamped': { canvas: add(1, 2).immutable().stamp({ stamp: 'value' }) },
  'task-messages.5.6.3 xmap': { canvas: map('demo.echo', [1, 2]) },
}

describe('what is published', () => {
  for (const [name, { canvas, options = {}, picks = [] }] of Object.entries(calls)) {
    const flow = flowOf(name)
    const cluster: CanvasRun = new CanvasRun(demo, modeOf(flow), () => picks[cluster.ran.length] ?? 0)
    const applied = applyCanvas(canvas.signature, { options }, cluster.sender())
    // Where no worker ran there is nothing to be seen but what the client sent.
    if (flow.client_saw === null) {
      it(`is what Celery's client published: ${name}`, () => {
        const orders = applied.orders.filter((order) => order.type === 'task')
        expect(anonymous(orders.map(ours))).toEqual(anonymous(flow.messages.map(theirs)))
      })
      continue
    }
    it(`is what Celery published: ${name}`, () => {
      cluster.drain(applied)
      expect(anonymous(cluster.sent.map(ours))).toEqual(anonymous(flow.messages.map(theirs)))
    })

    it(`is stored as Celery stored it: ${name}`, () => {
      const records = flow.records.map(({ task_id: id, status, children }) => [id, status, status === 'SUCCESS' ? children : []])
      const known = cluster.sent.map(({ request }) => request.id)
      // No worker of the captured cluster knew that one.
      const strange = cluster.sent.find(({ request }) => request.task === 'elsewhere.task')?.request.id
      const ran = [...cluster.records].filter(([id]) => id !== strange)
      const own = ran.map(([id, { state }]) => [id, state, cluster.children.get(id) ?? []])
      // Ids are told apart by the messages that they stand in.
      if (records.length > 0) {
        expect(anonymous([cluster.sent.map(ours), sorted(own, known)])).toEqual(
          anonymous([
            flow.messages.map(theirs),
            sorted(
              records,
              flow.messages.map(({ headers }) => String(headers.id)),
            ),
          ]),
        )
      }
      // Backends without counters do not say which task failed; it is said here.
      if (name === 'flows-chord-unlock.5.6.3 chord_failing_header') return
      expect(anonymous([cluster.sent.map(ours), seen(() => cluster.value(applied.result))])).toEqual(
        anonymous([flow.messages.map(theirs), flow.client_saw]),
      )
    })
  }

  it('is sent again as Celery sends a retry', () => {
    const flow = flowOf('flows-rpc.5.6.3 retry')
    const cluster = new CanvasRun(demo)
    const [first] = applyCanvas(s('flaky', 1, 1).signature, {}, cluster.sender()).orders
    if (first?.type !== 'task') throw new Error('expected a task')
    const arrived: TaskRequest = { ...first.request, headers: { mine: 1, 'x-death': [], 'x-first-death-queue': 'celery' } }
    const { order, children } = retried(arrived, 5000, { exchange: '', routingKey: 'celery', priority: 0 })
    expect(anonymous([first, order].map(ours))).toEqual(anonymous(flow.messages.map(theirs)))
    expect(order.request.headers).toEqual({ mine: 1 })
    expect(children).toEqual([[[first.request.id, null], null]])
  })
})

describe('an errback of the new style', () => {
  it('is called here, and nothing is sent for it', () => {
    const flow = flowOf('flows-rpc.5.6.3 errback_new_style')
    const cluster = new CanvasRun(demo)
    const { orders } = applyCanvas(fail().linkError(s('errback_new')).signature, {}, cluster.sender())
    const [order] = orders.filter((one) => one.type === 'task')
    expect(anonymous(orders.map((one) => ours(one as TaskOrder)))).toEqual(anonymous(flow.messages.map(theirs)))
    const { local, orders: sent } = afterFailure(order!.request, (name) => name === 'demo.errback_new', cluster.sender())
    expect([local.map(({ task }) => task), sent]).toEqual([['demo.errback_new'], []])
  })
})

/** What the tasks of the captured application do. */
function demo(request: TaskRequest): unknown {
  const { task, args, kwargs } = request
  const [x, y] = args as readonly number[]
  if (task === 'demo.add') return x! + y!
  if (task === 'demo.mul') return x! * y!
  if (task === 'demo.tsum') return (args[0] as readonly number[]).reduce((sum, item) => sum + item, 0)
  if (task === 'demo.fail') return new Raised('boom', 42)
  if (task !== 'celery.starmap') return task === 'demo.errback_old' ? args[0] : [args, kwargs]
  const run = runBuiltin(request, new CanvasRun(demo).sender())
  return run?.type === 'calls' ? run.calls.map((call) => demo({ ...request, task: run.task, args: call })) : undefined
}

function flowOf(name: string): Flow {
  const flow = flows.find((one) => name === `${one.from} ${one.flow}`)
  if (flow === undefined) throw new Error(`no flow is called ${name}`)
  return flow
}

function modeOf({ from }: Flow): CanvasSender['chords'] {
  return from.startsWith('flows-chord-unlock') ? 'unlock' : 'counted'
}

function ours({ request, routing }: TaskOrder): unknown {
  const { id, task, args, kwargs, embed, retries, etaMs, hardLimitMs, softLimitMs, stampedHeaders, stamps, shadow } = request
  const limits = [hardLimitMs, softLimitMs].map((ms) => (ms === undefined ? null : ms / 1000))
  return {
    headers: {
      task,
      id,
      root_id: request.rootId,
      parent_id: request.parentId,
      group: request.group,
      group_index: request.groupIndex,
      retries,
      ignore_result: request.ignoreResult ?? false,
      hasEta: etaMs !== undefined,
      timelimit: limits.every((limit) => limit === null) ? null : limits,
      stamped_headers: stampedHeaders,
      stamps,
      shadow,
    },
    reply_to: request.replyTo,
    priority: request.priority ?? 0,
    routing_keys: [routing.queue ?? 'celery'],
    body: [args, kwargs, embed],
  }
}

function theirs({ headers, priority, ...message }: CapturedMessage): unknown {
  const { eta, ...others } = headers
  return { headers: { ...others, hasEta: eta !== undefined }, priority: priority ?? 0, ...message }
}

function sorted(records: readonly (readonly unknown[])[], ids: readonly string[]): unknown {
  const place = ([id]: readonly unknown[]) => (ids.includes(String(id)) ? ids.indexOf(String(id)) : ids.length)
  return records.toSorted((a, b) => place(a) - place(b))
}

/** As the client showed it. */
function seen(value: () => unknown): string {
  try {
    return pythonRepr(value())
  } catch (error) {
    const exception = readException(error)
    if (exception === undefined) throw error
    return exceptionRepr(exception)
  }
}

/** Ids numbered in the order in which they are met, so that two recordings can be compared; what says nothing is left out. */
function anonymous(value: unknown): unknown {
  const known = new Map<string, string>()
  const numbered = (text: string) =>
    text.replace(/\bid-\w+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
      const number = known.get(id) ?? `#${known.size}`
      known.set(id, number)
      return number
    })
  const walk = (one: unknown): unknown => {
    if (typeof one === 'string') return numbered(one)
    if (Array.isArray(one)) return one.map(walk)
    if (!isRecord(one)) return one
    const entries = Object.entries(comparable(one)).filter(([, item]) => item !== null && item !== undefined)
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, item]) => [name, walk(item)]))
  }
  return walk(value)
}

/**
 * Where 5.6 differs on purpose: the id of a chain that is a body is there that of the header, so that its failure is stored where nobody
 * looks (mended after 5.6.3), and a body names as its parent the task that started the chord, over the one that ended it (mended, too).
 */
function comparable(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (value.subtask_type !== 'chain' || !isRecord(value.options)) return value
  const { task_id: _, parent_id: _parent, ...options } = value.options
  return { ...value, options }
}
