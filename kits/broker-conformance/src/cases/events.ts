/** What the event bus owes those who tell and those who listen. */
import type { EventBus, WorkerEvent } from '@lovage/core'
import { within } from '../deadline.ts'
import { expectEqual, expectTrue } from '../expect.ts'
import { brokerCase } from '../world.ts'

const event = (type: string, fields: Readonly<Record<string, unknown>> = {}): WorkerEvent => ({
  type,
  at: 1_700_000_000_000,
  worker: 'teller@conformance',
  ...fields,
})

/** Captures until an event of type `task-end` comes. */
async function capture(bus: EventBus, patterns: readonly string[]) {
  const events: WorkerEvent[] = []
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const stop = await bus.capture(patterns, (told) => {
    if (told.type === 'task-end') end()
    else events.push(told)
  })
  return { events, stop, ended: () => within(ended, 'the last event') }
}

const typesOf = (events: readonly WorkerEvent[]) => events.map(({ type }) => type)

export const eventCases = [
  brokerCase(
    'events/arrive on another connection as they were told, in order',
    async ({ broker, another }) => {
      const listener = await capture((await another()).events, ['*'])
      const told = event('task-succeeded', { id: 'x', name: 'y', runtime: 0.25, result: 'four ☘', nested: { list: [1] } })
      broker.events.emit(told)
      broker.events.emit(event('worker-heartbeat', { freq: 2 }))
      broker.events.emit(event('task-end'))
      await listener.ended()
      const [first] = listener.events
      expectEqual({ ...first }, { ...first, ...told }, 'the event')
      expectEqual(typesOf(listener.events), ['task-succeeded', 'worker-heartbeat'], 'the order')
    },
    ['events'],
  ),

  brokerCase(
    'events/are chosen by patterns',
    async ({ broker, another }) => {
      const tasks = await capture((await another()).events, ['task-*'])
      const some = await capture((await another()).events, ['worker-online', 'task-end'])
      for (const type of ['worker-online', 'task-started', 'worker-heartbeat', 'task-end']) broker.events.emit(event(type))
      await Promise.all([tasks.ended(), some.ended()])
      expectEqual([typesOf(tasks.events), typesOf(some.events)], [['task-started'], ['worker-online']], 'what they heard')
    },
    ['events'],
  ),

  brokerCase(
    'events/of a user arrive like any other',
    async ({ broker, another }) => {
      const listener = await capture((await another()).events, ['*'])
      broker.events.emit(event('deploy-finished', { version: '1.2.3' }))
      broker.events.emit(event('task-end'))
      await listener.ended()
      expectEqual(listener.events[0]?.version, '1.2.3', 'the field')
    },
    ['events'],
  ),

  brokerCase(
    'events/are wanted while someone listens, and telling to nobody is no error',
    async ({ broker, another }) => {
      broker.events.emit(event('task-started'))
      const listener = await capture((await another()).events, ['*'])
      broker.events.emit(event('task-end'))
      await listener.ended()
      expectTrue(broker.events.wanted(), 'events to be wanted while someone listens')
    },
    ['events'],
  ),

  brokerCase(
    'events/end with the capture',
    async ({ broker, another }) => {
      const other = await another()
      const stopped = await capture(other.events, ['*'])
      const listening = await capture(other.events, ['*'])
      await stopped.stop()
      broker.events.emit(event('task-started'))
      broker.events.emit(event('task-end'))
      await listening.ended()
      expectEqual([typesOf(stopped.events), typesOf(listening.events)], [[], ['task-started']], 'what they heard')
    },
    ['events'],
  ),
]
