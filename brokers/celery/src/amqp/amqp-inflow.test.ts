/** An inflow on a broker that does not answer about one of its queues, or answers late. */
import { EventEmitter } from 'node:events'
import type { Logger } from '@lovage/core'
import type { ConsumeMessage, Options } from 'amqplib'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { TaskArrival } from '../transport.ts'
import { AmqpInflow } from './amqp-inflow.ts'
import type { AmqpLink, Connection, Lodger } from './amqp-link.ts'
import { Declarations } from './declarations.ts'
import { taskQueue } from './fixtures/world.ts'
import { taskQueueDeclaration } from './topology.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** What is asked of one queue. */
type Step = 'declare' | 'consume'

/** A broker that writes down what it is asked, and has answers for some of it only. */
class ToyRabbit {
  readonly log: string[] = []
  readonly logged: string[] = []
  readonly silent = new Set<`${Step} ${string}`>()
  /** Queues whose consumers fail, for no reason that RabbitMQ gives. */
  readonly broken = new Set<string>()
  /** Thrown by the next declaration. */
  failure: Error | undefined
  readonly taking = new Map<string, (message: ConsumeMessage | null) => void>()
  readonly cancelled: (() => void)[] = []
  readonly link: AmqpLink
  readonly logger: Logger
  readonly lodgers: Lodger[] = []
  holdsCancels = false
  connection = this.#connection()
  #tags = 0

  constructor() {
    const lodge = async (lodger: Lodger): Promise<void> => {
      await lodger.enter(this.connection, true)
      this.lodgers.push(lodger)
    }
    this.link = { lodge, dislodge() {} } as unknown as AmqpLink
    const hear = (level: string) => (_: object, text: string) => void this.logged.push(`${level}: ${text}`)
    this.logger = { debug: hear('debug'), info: hear('info'), warn: hear('warn'), error: hear('error') }
  }

  bring(queue: string): void {
    this.taking.get(queue)?.({
      fields: { deliveryTag: ++this.#tags, redelivered: false, exchange: '', routingKey: queue },
      properties: { headers: {} },
      content: Buffer.from('{}'),
    } as unknown as ConsumeMessage)
  }

  /** Everybody moves to another connection, in turn. */
  async move(): Promise<void> {
    for (const lodger of this.lodgers) lodger.leave(undefined)
    this.taking.clear()
    this.connection = this.#connection()
    for (const lodger of this.lodgers) await lodger.enter(this.connection, false)
  }

  #connection(): Connection {
    const server = { product: 'RabbitMQ', version: '3.10.8' }
    return {
      server,
      isBlocked: () => false,
      cause: () => undefined,
      channel: async () => this.#channel(),
    } as unknown as Connection
  }

  #channel(): object {
    const tags = new Map<string, string>()
    let number = 0
    const answer = (step: Step, queue: string): Promise<void> => {
      this.log.push(`${step} ${queue}`)
      const { failure } = this
      this.failure = undefined
      if (failure !== undefined) return Promise.reject(failure)
      return this.silent.has(`${step} ${queue}`) ? new Promise(() => {}) : Promise.resolve()
    }
    return Object.assign(new EventEmitter(), {
      async prefetch() {},
      async assertExchange() {},
      async bindQueue() {},
      assertQueue: (queue: string) => answer('declare', queue),
      consume: async (queue: string, take: (message: ConsumeMessage | null) => void, { consumerTag = '' }: Options.Consume) => {
        await answer('consume', queue)
        if (this.broken.has(queue)) throw new Error('internal')
        tags.set(consumerTag, queue)
        this.taking.set(queue, take)
      },
      cancel: async (tag: string) => {
        this.log.push(`cancel ${tags.get(tag)}`)
        if (this.holdsCancels) await new Promise<void>((resolve) => this.cancelled.push(resolve))
        this.taking.delete(tags.get(tag) ?? '')
      },
      reject: () => void this.log.push(`reject ${++number}`),
      async close() {},
    })
  }
}

const names = ['a', 'b', 'c']

async function open(rabbit: ToyRabbit): Promise<{ inflow: AmqpInflow; arrived: TaskArrival[] }> {
  const { link, logger } = rabbit
  const declarations = new Declarations(link, logger)
  await link.lodge(declarations)
  const world = { link, declarations, declarationOf: taskQueueDeclaration, detectsQuorumQueues: true, logger }
  const arrived: TaskArrival[] = []
  const listener = { deliver: (arrivals: readonly TaskArrival[]) => void arrived.push(...arrivals), lost() {} }
  const inflow = new AmqpInflow(world, { queues: names.map((name) => taskQueue(name)), prefetch: 4 }, listener)
  await inflow.open()
  return { inflow, arrived }
}

test.for(['declare', 'consume'] as const)(
  'a queue that has no answer to %s leaves the connection and the others',
  async (step) => {
    const rabbit = new ToyRabbit()
    await open(rabbit)
    for (const asked of step === 'declare' ? (['declare', 'consume'] as const) : [step]) rabbit.silent.add(`${asked} a`)
    let isBack = false
    const moving = rabbit.move().then(() => {
      isBack = true
    })
    await vi.advanceTimersByTimeAsync(29_000)
    expect(isBack).toBe(true)
    await moving
    expect([...rabbit.taking.keys()].toSorted()).toEqual(['b', 'c'])
    expect(rabbit.logged).toContain('error: a queue may not be consumed; trying it from time to time')
    rabbit.silent.clear()
    await vi.advanceTimersByTimeAsync(60_000)
    expect([...rabbit.taking.keys()].toSorted()).toEqual(names)
    expect(rabbit.logged).toContain('info: a queue that might not be consumed is consumed again')
  },
)

test('what is on its way when consuming ends goes back when all of it has ended', async () => {
  const rabbit = new ToyRabbit()
  const { inflow, arrived } = await open(rabbit)
  rabbit.holdsCancels = true
  inflow.pause()
  for (let ended = 0; ended < names.length; ended++) {
    rabbit.bring('c')
    await vi.advanceTimersByTimeAsync(10)
    expect(rabbit.log.filter((line) => line.startsWith('reject'))).toEqual([])
    rabbit.cancelled.shift()?.()
  }
  await vi.advanceTimersByTimeAsync(10)
  expect(rabbit.taking.size).toBe(0)
  expect(rabbit.log.filter((line) => line.startsWith('reject'))).toHaveLength(3)
  expect(arrived).toEqual([])
})

test('a queue ends although another cannot be had', async () => {
  const rabbit = new ToyRabbit()
  const { inflow } = await open(rabbit)
  inflow.pause()
  await vi.advanceTimersByTimeAsync(10)
  rabbit.broken.add('b')
  inflow.resume()
  await inflow.cancel('a')
  expect(rabbit.taking.has('a')).toBe(false)
})

test.for([
  ['what differs', Object.assign(new Error('it has other flags'), { code: 406 }), 'error: a queue is not as it should be'],
  ['what fails', new Error('internal'), 'warn: a queue could not be declared; consuming what is there'],
] as const)('%s is told as what it is, and consumed', async ([, failure, told]) => {
  const rabbit = new ToyRabbit()
  await open(rabbit)
  rabbit.failure = failure
  await rabbit.move()
  expect(rabbit.logged).toEqual([told])
  expect(rabbit.taking.size).toBe(3)
})

test('a connection that is lost while queues are declared is no fault of a queue', async () => {
  const rabbit = new ToyRabbit()
  const { inflow } = await open(rabbit)
  inflow.pause()
  await vi.advanceTimersByTimeAsync(10)
  rabbit.silent.add('declare a')
  inflow.resume()
  await vi.advanceTimersByTimeAsync(5000)
  for (const lodger of rabbit.lodgers) lodger.leave(undefined)
  await vi.advanceTimersByTimeAsync(20_000)
  expect(rabbit.logged).toEqual([])
})
