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
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async lodge(lodger: Lodger): Promise<void> {
    await lodger.enter(this.#connection, true)
    this.lodgers.add(lodger)
  }

  dislodge(lodger: Lodger): void {
    this.lodgers.delete(lodger)
  }
}

test('a broker that has no channel to spare is asked again, and keeps nobody waiting', async () => {
  const queue = taskQueue('q')
  const tries: (() => Promise<Channel>)[] = [
    () => Promise.reject(new Error('No channels left to allocate')),
    async () => Object.assign(new EventEmitter(), { prefetch() {}, consume() {}, cancel() {}, async close() {} }) as never,
  ]
  const server = { product: 'RabbitMQ', version: '3.10.8' }
  const channel = (): Promise<Channel> => tries.shift()?.() ?? new Promise(() => {})
  const link = new OneConnection({ server, isBlocked: () => false, cause: () => undefined, channel } as unknown as Connection)
  const world: InflowWorld = {
    link: link as unknown as AmqpLink,
    declarations: { again: async () => {} } as unknown as Declarations,
    declarationOf: taskQueueDeclaration,
    detectsQuorumQueues: true,
    logger: silentLogger,
  }
  await new Promise<void>((complete) => {
    const nothing = (): void => {}
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
    void new Lane(world, home, true).open()
  })
  expect(link.lodgers.size).toBe(1)
})
