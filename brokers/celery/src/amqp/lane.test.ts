/** A lane of a queue that was refused, on a broker that does not give it a channel at once. */
import { EventEmitter } from 'node:events'
import { silentLogger } from '@lovage/core'
import type { Channel } from 'amqplib'
import { expect, test } from 'vitest'
import type { AmqpLink, Connection, Lodger } from './amqp-link.ts'
import type { Declarations } from './declarations.ts'
import { taskQueue } from './fixtures/world.ts'
import { type InflowWorld, Lane, type LaneHome } from './lane.ts'
import { taskQueueDeclaration } from './topology.ts'

/** As the link has it: who cannot enter is no lodger. */
class OneConnection {
  readonly lodgers = new Set<Lodger>()
  /** Whom it is busy with. */
  joining: Promise<void> | undefined
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async lodge(lodger: Lodger): Promise<void> {
    await this.joining
    await lodger.enter(this.#connection, true)
    this.lodgers.add(lodger)
  }

  dislodge(lodger: Lodger): void {
    this.lodgers.delete(lodger)
  }
}

const server = { product: 'RabbitMQ', version: '3.10.8' }
const idle = (): Channel =>
  Object.assign(new EventEmitter(), { prefetch() {}, consume() {}, cancel() {}, async close() {} }) as never
const nothing = (): void => {}

function worldOf(link: OneConnection): InflowWorld {
  return {
    link: link as unknown as AmqpLink,
    declarations: { again: async () => {} } as unknown as Declarations,
    declarationOf: taskQueueDeclaration,
    detectsQuorumQueues: true,
    logger: silentLogger,
  }
}

test('one that is closed while the link has no time for it does not enter for good', async () => {
  const link = new OneConnection({ server, channel: async () => idle() } as unknown as Connection)
  const { promise: joining, resolve: join } = Promise.withResolvers<void>()
  link.joining = joining
  const home: LaneHome = {
    prefetch: 1,
    isPaused: false,
    queuesOf: () => new Map(),
    arrived: nothing,
    ended: nothing,
    emptied: nothing,
    refused: nothing,
    complete: nothing,
  }
  const lane = new Lane(worldOf(link), home, true)
  const opened = lane.open()
  await lane.close()
  join()
  await opened
  expect([link.lodgers.size, lane.connection]).toEqual([0, undefined])
})

test('a broker that has no channel to spare is asked again, and keeps nobody waiting', async () => {
  const queue = taskQueue('q')
  const tries: (() => Promise<Channel>)[] = [() => Promise.reject(new Error('No channels left to allocate')), async () => idle()]
  const channel = (): Promise<Channel> => tries.shift()?.() ?? new Promise(() => {})
  const link = new OneConnection({ server, isBlocked: () => false, cause: () => undefined, channel } as unknown as Connection)
  await new Promise<void>((complete) => {
    const home: LaneHome = {
      prefetch: 1,
      isPaused: false,
      queuesOf: () => new Map([[queue.name, queue]]),
      arrived: nothing,
      ended: nothing,
      emptied: nothing,
      refused: nothing,
      complete: () => complete(),
    }
    void new Lane(worldOf(link), home, true).open()
  })
  expect(link.lodgers.size).toBe(1)
})
