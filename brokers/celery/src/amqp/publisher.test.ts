/** Messages between two channels: what is sent again, what is withdrawn, and when everything is done. */
import { EventEmitter } from 'node:events'
import { silentLogger } from '@lovage/core'
import type { ConfirmChannel } from 'amqplib'
import { expect, test } from 'vitest'
import type { Connection } from './amqp-link.ts'
import { message } from './fixtures/world.ts'
import { Publisher } from './publisher.ts'

interface Sent {
  readonly key: string
  readonly body: Buffer
  readonly confirm: (error: Error | null) => void
}

/** A channel on which nothing happens but what the test does. */
class Wire extends EventEmitter {
  readonly sent: Sent[] = []

  publish(_: string, key: string, body: Buffer, __: object, confirm: Sent['confirm']): boolean {
    this.sent.push({ key, body, confirm })
    return true
  }

  async close(): Promise<void> {}

  /** No queue takes what was sent last. */
  return(): void {
    const { key, body, confirm } = this.sent.at(-1) ?? expect.unreachable()
    this.emit('return', { fields: { exchange: '', routingKey: key }, content: body })
    confirm(null)
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function setUp() {
  const wires: Wire[] = []
  const restoring: PromiseWithResolvers<void>[] = []
  const publisher = new Publisher({
    logger: silentLogger,
    isReady: () => true,
    addressOf: (publication) => publication,
    isExpected: () => true,
    restore: () => {
      restoring.push(Promise.withResolvers())
      return restoring.at(-1)?.promise ?? expect.unreachable()
    },
  })
  const opened: (() => void)[] = []
  const confirmChannel = async (): Promise<ConfirmChannel> => {
    wires.push(new Wire())
    opened.shift()?.()
    return wires.at(-1) as unknown as ConfirmChannel
  }
  const connection = { isBlocked: () => false, cause: () => undefined, confirmChannel } as unknown as Connection
  await publisher.lodging.enter(connection, true)
  /** The broker closes the channel, and another one is opened. */
  const reopen = async (): Promise<void> => {
    const next = new Promise<void>((resolve) => opened.push(resolve))
    wires.at(-1)?.emit('close')
    await next
    await turn()
    await turn()
  }
  return { publisher, wires, restoring, reopen }
}

test('what was declared again for an earlier channel does not send a message a second time', async () => {
  const { publisher, wires, restoring, reopen } = await setUp()
  const done = publisher.publish([message('q', 1)])
  await turn()
  wires[0]?.return()
  await reopen()
  expect(wires[1]?.sent).toHaveLength(1)
  restoring[0]?.resolve()
  await turn()
  await turn()
  expect(wires[1]?.sent).toHaveLength(1)
  wires[1]?.sent[0]?.confirm(null)
  await done
})

test('a refusal of that declaration fails nothing that is on its way on the next channel', async () => {
  const { publisher, wires, restoring, reopen } = await setUp()
  const done = publisher.publish([message('q', 1)])
  await turn()
  wires[0]?.return()
  await reopen()
  restoring[0]?.reject(new Error('another program has it'))
  await turn()
  wires[1]?.sent[0]?.confirm(null)
  await done
})

test('nothing is waited for when the last of it is withdrawn: with its channel, or on its way back', async () => {
  for (const back of ['reopen', 'return'] as const) {
    const { publisher, wires, restoring, reopen } = await setUp()
    const ending = new AbortController()
    const done = publisher.publish([message('q', 1), message('q', 2)], undefined, ending.signal)
    const failed = expect(done).rejects.toThrow('enough')
    await turn()
    ending.abort(new Error('enough'))
    const drained = publisher.drain(new AbortController().signal)
    if (back === 'reopen') await reopen()
    else {
      for (let n = 0; n < 2; n++) {
        wires[0]?.emit('return', { fields: { exchange: '', routingKey: 'q' }, content: wires[0].sent[n]?.body })
        wires[0]?.sent[n]?.confirm(null)
        restoring[n]?.resolve()
      }
    }
    await drained
    await failed
  }
})
