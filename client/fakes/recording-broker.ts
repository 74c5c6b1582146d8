/** A broker for tests that keeps what it is sent and answers what it is told to. */
import type { Broker, SendReceipt, TaskMessage, TaskResult } from '@lovage/core'

export interface RecordingBroker extends Broker {
  /** The calls of `tasks.send`, with their messages. */
  readonly calls: (readonly TaskMessage[])[]
  /** What `tasks.cancel` was asked, as `[ids, reason]`. */
  readonly cancelled: (readonly [readonly string[], string | undefined])[]
  /** What `control.request` was asked. */
  readonly requests: unknown[]
  /** By id: what `results` answers. */
  readonly known: Map<string, TaskResult>
  /** By key: the id of the task that holds it. */
  readonly keys: Map<string, string>
}

export function recordingBroker(): RecordingBroker {
  const calls: RecordingBroker['calls'] = []
  const cancelled: RecordingBroker['cancelled'] = []
  const requests: unknown[] = []
  const known = new Map<string, TaskResult>()
  const keys = new Map<string, string>()
  const receipt = (message: TaskMessage): SendReceipt => {
    const holder = message.key === undefined ? undefined : keys.get(message.key)
    return holder === undefined ? { id: message.id, status: 'sent' } : { id: holder, status: 'existing' }
  }
  const resultOf = (id: string): TaskResult => known.get(id) ?? { id, state: 'unknown' }
  return {
    name: 'recording',
    calls,
    cancelled,
    requests,
    known,
    keys,
    tasks: {
      async send(messages) {
        calls.push(messages)
        return messages.map(receipt)
      },
      consume: () => Promise.reject(new Error('a recording broker delivers nothing')),
      async cancel(ids, reason) {
        cancelled.push([ids, reason])
        return ids.map(() => true)
      },
    },
    control: {
      serve: async () => async () => {},
      async request(method, args, options) {
        requests.push([method, args, options])
        return [{ worker: 'w@h', ok: true, value: { ok: 'pong' } }]
      },
    },
    events: { emit() {}, wanted: () => false, capture: async () => async () => {} },
    results: {
      get: async (ids) => ids.map(resultOf),
      wait: async (id) => resultOf(id),
    },
    close: async () => {},
  }
}
