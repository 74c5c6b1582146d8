/** Events on their way: batches, order, and the words of both worlds. */
import type { WorkerEvent } from '@lovage/core'
import { describe, expect, test } from 'vitest'
import { ToyCluster } from '../fixtures/toy-cluster.ts'
import { ToyWorker } from '../fixtures/toy-worker.ts'
import type { Mailbox, Publication } from '../transport.ts'
import { decodeEvents } from '../wire/event-message.ts'
import { CeleryEventBus } from './celery-event-bus.ts'

/** A bus whose messages are kept. */
function setUp() {
  const cluster = new ToyCluster()
  const sent: Publication[] = []
  const mailboxes: Mailbox[] = []
  Object.assign(cluster.member.transport, {
    tell: (_: unknown, publication: Publication) => void sent.push(publication),
    listen: async (mailbox: Mailbox) => {
      mailboxes.push(mailbox)
      return async () => {}
    },
  })
  const bus = new CeleryEventBus(cluster.member)
  const event = (type: string, fields = {}): WorkerEvent => ({
    type,
    at: 1_700_000_000_500,
    worker: 'w@h',
    pid: 7,
    clock: 3,
    ...fields,
  })
  const wire = () => sent.flatMap((publication) => decodeEvents(publication))
  return { cluster, bus, event, sent, mailboxes, wire }
}

describe('the event bus', () => {
  test('sends task events of a turn together, at most 24, and all others alone and in their turn', () => {
    const { bus, event, sent, wire } = setUp()
    for (let count = 0; count < 25; count++) bus.emit(event('task-started', { id: `t${count}` }))
    expect(sent).toEqual([])
    bus.emit(event('worker-heartbeat', { freq: 2 }))
    bus.emit(event('deploy-finished', { version: 1 }))
    expect(sent.map(({ exchange, routingKey }) => [exchange, routingKey])).toEqual([
      ['celeryev', 'task.multi'],
      ['celeryev', 'task.multi'],
      ['celeryev', 'worker.heartbeat'],
      ['celeryev', 'deploy.finished'],
    ])
    expect(wire()[0]).toMatchObject({
      type: 'task-started',
      hostname: 'w@h',
      timestampMs: 1_700_000_000_500,
      pid: 7,
      clock: 3,
      fields: { uuid: 't0' },
    })
  })

  test("tells in Celery's words, and of a task in hand what its message says", async () => {
    const { cluster, bus, event, wire } = setUp()
    await ToyWorker.open(cluster)
    cluster.arrive({ id: 't1', task: 'job', args: [1, 'a'], parentId: 'p', rootId: 'r', argsRepr: "(1, 'a')" })
    bus.emit(event('task-received', { id: 't1', name: 'job', args: '[1,"a"]', kwargs: '{}', retries: 0 }))
    bus.emit(event('task-succeeded', { id: 't1', result: '{"ok":true,"none":null}', runtime: 0.5 }))
    bus.emit(
      event('task-failed', {
        id: 't1',
        exception: "TypeError: it's no",
        traceback: "TypeError: it's no\n    at run (file:///x/job.ts:7:9)",
      }),
    )
    bus.emit(event('task-revoked', { id: 't1', terminated: true, signum: 'SIGTERM', expired: false }))
    bus.emit(event('task-released', { id: 't1', delayMs: 0 }))
    bus.emit(event('task-log', { id: 't1', text: 'line' }))
    bus.flush()
    expect(wire().map(({ type, fields }) => ({ type, ...fields }))).toMatchObject([
      {
        type: 'task-received',
        uuid: 't1',
        args: "(1, 'a')",
        kwargs: '{}',
        root_id: 'r',
        parent_id: 'p',
        eta: null,
        expires: null,
      },
      { type: 'task-succeeded', result: "{'ok': True, 'none': None}", runtime: 0.5 },
      {
        type: 'task-failed',
        exception: 'TypeError("it\'s no")',
        traceback: `Traceback (most recent call last):\n  File "/x/job.ts", line 7, in run\nTypeError: it's no\n`,
      },
      { type: 'task-revoked', signum: 15 },
      { type: 'task-rejected', requeue: true },
      { type: 'lovage-log', text: 'line' },
    ])
  })

  test('listens to the groups that are asked for', async () => {
    const { bus, mailboxes } = setUp()
    await bus.capture(['task-*', 'worker-online', 'worker-offline'], () => {})
    await bus.capture(['*-finished'], () => {})
    expect(mailboxes.map(({ binding }) => binding?.routingKeys)).toEqual([['task.#', 'worker.#'], ['#']])
    expect(mailboxes[0]).toMatchObject({ expiresMs: 60_000, messageTtlMs: 5000 })
  })

  test('drops an event that cannot be written, and tells nothing when it is closed', async () => {
    const { bus, event, sent } = setUp()
    const circle: Record<string, unknown> = {}
    circle.self = circle
    bus.emit(event('deploy-finished', circle))
    await bus.close(new Error('closed'))
    bus.emit(event('deploy-finished'))
    expect(sent).toEqual([])
    await expect(bus.capture(['*'], () => {})).rejects.toThrow('closed')
    expect(bus.wanted()).toBe(false)
  })
})
