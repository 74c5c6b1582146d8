import type { Broker, Consumer, ConsumerListener, Delivery, Desk, Task } from '@lovage/core'
import { createQueueBroker } from '@lovage/queue'
import { memoryBackend } from '@lovage/store-memory'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { BrokerTools } from './broker-case.ts'
import { allPowers, brokerCases, runnableCases, skippedCases } from './broker-cases.ts'

/** A world of its own on the memory backend, whose connections may be spoilt; a crash lets the dead-man's switch go. */
function world(spoil: (broker: Broker) => Broker = (broker) => broker): BrokerTools {
  const backend = memoryBackend()
  onTestFinished(() => backend.close())
  const { store, signal, liveness } = backend
  const consumers = new Map<Broker, Consumer>()
  return {
    async open() {
      const broker = spoil(await createQueueBroker({ store, signal, liveness }))
      const { tasks } = broker
      const consume: Broker['tasks']['consume'] = async (options, listener) => {
        const consumer = await tasks.consume(options, listener)
        consumers.set(opened, consumer)
        return consumer
      }
      const { send, cancel } = { send: tasks.send.bind(tasks), cancel: tasks.cancel.bind(tasks) }
      const opened = withParts(broker, { tasks: { send, cancel, consume } })
      return opened
    },
    async crash(broker) {
      const consumer = consumers.get(broker)
      // The dead take nothing any more.
      consumer?.pause()
      liveness.drop(consumer?.holder ?? '')
    },
  }
}

describe('the list', () => {
  it('has names that say a verb and a promise, each once', () => {
    const names = brokerCases.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^[a-z]+\/\S.*\S$/)
  })

  it('needs every power that there is', () => {
    const needed = new Set(brokerCases.flatMap(({ needs }) => needs))
    expect([...needed].sort()).toEqual(Object.keys(allPowers).sort())
  })

  it('tells why a case is left out', () => {
    const facts = {
      powers: { ...allPowers, holdsEta: false },
      skips: [{ reason: 'no order', cases: ['send/many at once all arrive'] }],
    }
    expect(skippedCases(facts)).toEqual([
      { name: 'send/many at once all arrive', reason: 'no order' },
      { name: 'deliver/not before its time', reason: 'the broker lacks holdsEta' },
      { name: 'close/a worker that is killed loses nothing', reason: 'the binding cannot kill a connection' },
    ])
    expect(runnableCases(facts)).toHaveLength(brokerCases.length - 3)
    expect(() => skippedCases({ powers: allPowers, skips: [{ reason: '', cases: ['none'] }] })).toThrow('`skips`')
  })
})

describe('the queue on memory', () => {
  for (const { name, run } of runnableCases({ powers: allPowers, crashes: true })) it(name, () => run(world()))
})

/** Spoils what a consumer's listener is told. */
function spoilListener(change: (listener: ConsumerListener) => Partial<ConsumerListener>): (broker: Broker) => Broker {
  return (broker) => {
    const consume: Broker['tasks']['consume'] = (options, listener) => {
      const whole = {
        deliver: (deliveries: readonly Delivery[]) => listener.deliver(deliveries),
        revoke: listener.revoke.bind(listener),
        error: listener.error.bind(listener),
      }
      return broker.tasks.consume(options, { ...whole, ...change(listener) })
    }
    const { tasks } = broker
    return withParts(broker, {
      tasks: {
        send: (messages, wait) => tasks.send(messages, wait),
        cancel: (ids, reason) => tasks.cancel(ids, reason),
        consume,
      },
    })
  }
}

function withParts(broker: Broker, parts: Partial<Broker>): Broker {
  const { name, tasks, control, events, results, admin, desk } = broker
  return { name, tasks, control, events, results, admin, desk, close: () => broker.close(), ...parts }
}

function partsOf(desk: Desk): Desk {
  return {
    records: desk.records,
    now: () => desk.now(),
    send: (message) => desk.send(message),
    claim: (wish) => desk.claim(wish),
    renew: (renewal) => desk.renew(renewal),
    settle: (task, event) => desk.settle(task, event),
    note: (task, note) => desk.note(task, note),
    watch: (holder, listener) => desk.watch(holder, listener),
    lose: (holder, startedBefore) => desk.lose(holder, startedBefore),
    schedule: (ids) => desk.schedule(ids),
    rerun: (ids, mostRuns) => desk.rerun(ids, mostRuns),
    prioritize: (ids, priority) => desk.prioritize(ids, priority),
  }
}

function spoilDelivery(change: (delivery: Delivery) => Partial<Delivery>): (broker: Broker) => Broker {
  const spoilt = (delivery: Delivery): Delivery => ({
    message: delivery.message,
    redelivered: delivery.redelivered,
    accept: () => delivery.accept(),
    note: (note) => delivery.note(note),
    settle: (outcome) => delivery.settle(outcome),
    ...change(delivery),
  })
  return spoilListener((listener) => ({ deliver: (deliveries) => listener.deliver(deliveries.map(spoilt)) }))
}

describe('a broker that breaks a promise is found out', () => {
  const sins: Record<string, { readonly spoil: (broker: Broker) => Broker; readonly by: string }> = {
    'it forgets headers': {
      spoil: spoilDelivery(({ message }) => ({ message: { ...message, headers: undefined } })),
      by: 'send/a message arrives as it was sent',
    },
    'it delivers twice': {
      spoil: spoilListener((listener) => ({ deliver: (deliveries) => listener.deliver([...deliveries, ...deliveries]) })),
      by: 'deliver/never more are unsettled than the prefetch allows',
    },
    'it delivers backwards': {
      spoil: spoilListener((listener) => ({ deliver: (deliveries) => listener.deliver(deliveries.toReversed()) })),
      by: 'deliver/tasks of one urgency come in the order of sending',
    },
    'it takes a retry for a failure': {
      spoil: spoilDelivery((delivery) => ({
        settle: (outcome) => delivery.settle(outcome.type === 'retried' ? { type: 'released' } : outcome),
      })),
      by: 'settle/retried brings it again, with one retry more',
    },
    'it hides that a task came back': {
      spoil: spoilDelivery(() => ({ redelivered: false })),
      by: 'settle/a task that comes again says so',
    },
    'it does not say that a settlement did not count': {
      spoil: spoilDelivery((delivery) => ({ settle: (outcome) => delivery.settle(outcome).then(() => true) })),
      by: 'cancel/a running task is revoked, and its settlement has no effect',
    },
    'it answers for others': {
      spoil: (broker) =>
        withParts(broker, {
          control: {
            serve: (_worker, handler) => broker.control.serve('a@conformance', handler),
            request: (method, args, options) => broker.control.request(method, args, options),
          },
        }),
      by: 'control/without a destination all answer',
    },
    'it brings every event to everybody': {
      spoil: (broker) =>
        withParts(broker, {
          events: {
            emit: (event) => broker.events.emit(event),
            knowsListeners: broker.events.knowsListeners,
            wanted: (type) => broker.events.wanted(type),
            capture: (_patterns, handler) => broker.events.capture(['*'], handler),
          },
        }),
      by: 'events/are chosen by patterns',
    },
    'it mixes results up': {
      spoil: (broker) =>
        withParts(broker, {
          results: {
            get: async (ids) => (await broker.results.get(ids)).toReversed(),
            wait: (id, options) => broker.results.wait(id, options),
          },
        }),
      by: 'results/come in the order of the ids, unknown ones among them',
    },
    'it hands the same task out twice': {
      spoil: (broker) => {
        const given: Task[] = []
        const claim: Desk['claim'] = async (wish) => {
          if (given.length > 0) return given
          given.push(...((await broker.desk?.claim(wish)) ?? []))
          return given
        }
        const { desk } = broker
        return desk === undefined ? broker : withParts(broker, { desk: { ...partsOf(desk), claim } })
      },
      by: 'desk/many that wait get one each',
    },
  }

  for (const [sin, { spoil, by }] of Object.entries(sins)) {
    it(sin, async () => {
      const found = brokerCases.find(({ name }) => name === by)
      await expect(found?.run(world(spoil))).rejects.toThrow(/expected/)
    })
  }
})
