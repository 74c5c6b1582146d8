/** The broker over socket.io passes the cases of every broker, over a real server and the memory store. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { allPowers, runnableCases } from '@lovage/broker-conformance'
import { type Broker, BugError } from '@lovage/core'
import { createQueueBroker } from '@lovage/queue'
import { memoryBackend } from '@lovage/store-memory'
import { describe, test } from 'vitest'
import { createGateway, type Gateway } from '../gateway/gateway.ts'
import { createSocketBroker } from './socket-broker.ts'

/** What a case opens that is neither sender nor asker: a worker over a real socket. The rest is the server's own queue. */
class World {
  readonly #backing = memoryBackend()
  readonly #ends: (() => Promise<unknown>)[] = []
  #place: Promise<{ readonly queue: Broker; readonly url: string; readonly gateway: Gateway }> | undefined

  place() {
    this.#place ??= this.#open()
    return this.#place
  }

  async #open() {
    const queue = await createQueueBroker({ ...this.#backing, maintain: 'always' })
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { desk, admin, control, events, tasks } = queue
    const gateway = createGateway({ server, desk, admin, control, events, tasks, drain: 0, grace: 0 })
    this.#ends.push(
      () => gateway.close(),
      async () => {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      },
      () => queue.close(),
      () => this.#backing.close(),
    )
    return { queue, gateway, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  }

  /** One broker of both: what a worker does goes over the socket, what an operator does asks the queue. */
  async open(): Promise<Broker> {
    const { queue, url } = await this.place()
    const socket = await createSocketBroker({ url })
    return {
      name: socket.name,
      tasks: {
        consume: (options, listener) => socket.tasks.consume(options, listener),
        send: (messages, options) => socket.tasks.send(messages, options),
        cancel: (ids, reason) => queue.tasks.cancel(ids, reason),
      },
      control: socket.control,
      events: {
        knowsListeners: false,
        emit: (event) => socket.events.emit(event),
        wanted: (type) => socket.events.wanted(type),
        capture: (patterns, handler) => queue.events.capture(patterns, handler),
      },
      results: queue.results,
      admin: queue.admin,
      close: () => socket.close(),
    }
  }

  async close(): Promise<void> {
    if (this.#place === undefined) throw new BugError('BUG', 'expected the case to open a connection')
    await this.#place
    for (const end of this.#ends) await end()
  }
}

// Cancellation, results and what an operator sees are asked of the server's own queue, as operators do: a worker over a socket may
// not. So the cases show that they reach it.
const powers = { ...allPowers, control: false, events: false, handsOut: false }
const skips = [
  {
    reason: 'a wait for a result is on the connection to the queue here, which stays open',
    cases: ['close/ends waits for results'],
  },
]

describe('a worker over a socket', () => {
  for (const { name, run } of runnableCases({ powers, skips })) {
    test.concurrent(name, { timeout: 60_000 }, async () => {
      const world = new World()
      try {
        await run({ open: () => world.open() })
      } finally {
        await world.close()
      }
    })
  }
})
