import { describe, expect, it } from 'vitest'
import { runHandler } from './run-handler.ts'
import type { Settlement, TaskContext, TaskHandler } from './task-handler.ts'

const context: TaskContext = { id: 't1', attempt: 1, signal: new AbortController().signal, progress() {} }
const run = (handler: TaskHandler<never>) => runHandler(handler, {}, context)
const done = (results?: unknown, success = true) => ({ type: 'done', results, success })
const broken = (message: unknown): Settlement => ({ type: 'fail', message: message as string, isWorkersFault: true })

describe('a handler', () => {
  it.each<[string, TaskHandler<never>, unknown]>([
    ['resolves', (_, resolve) => resolve(1), done(1)],
    ['resolves to nothing', (_, resolve) => resolve(), done()],
    ['resolves with a negative outcome', (_, resolve) => resolve('none', false), done('none', false)],
    ['rejects', (_, __, reject) => reject('broken'), broken('broken')],
    ['rejects with an error', (_, __, reject) => reject(new Error('broken')), broken('broken')],
    ['rejects with what is no text', (_, __, reject) => reject(5 as never), broken(expect.stringMatching(/should be paused/))],
    [
      'throws',
      () => {
        throw new Error('oh')
      },
      broken('oh'),
    ],
    [
      'is async and throws',
      async () => {
        throw new Error('oh')
      },
      broken('oh'),
    ],
    [
      'resolves with no boolean',
      (_, resolve) => resolve(1, 'yes' as never),
      broken(expect.stringMatching(/invalid status response\.$/)),
    ],
    ['returns', () => ({ a: 1 }), done({ a: 1 })],
    ['returns null', () => null, done(null)],
    ['returns a promise', async (_, __, ___, given) => given.id, done('t1')],
    ['is async without results', async (_) => {}, done()],
    ['takes the properties alone', (_) => {}, done()],
    ['returns what is no result, and resolves later', (_, resolve) => setImmediate(() => resolve(2)), done(2)],
    ['is async, and resolves later', async (_, resolve) => void setImmediate(() => resolve(2)), done(2)],
    ['gives a Date', () => ({ at: new Date(0) }), done({})],
  ])('that %s', async (name, handler, settlement) => {
    const expected = name === 'gives a Date' ? done({ at: '1970-01-01T00:00:00.000Z' }) : settlement
    expect(
      await run(
        name === 'gives a Date'
          ? async () =>
              handler(
                {} as never,
                () => {},
                () => {},
                context,
              )
          : handler,
      ),
    ).toEqual(expected)
  })

  it('says one thing: the first', async () => {
    const twice: TaskHandler<never> = (_, resolve, reject) => {
      resolve(1)
      reject('too late')
      resolve(2)
      throw new Error('far too late')
    }
    expect(await run(twice)).toEqual(done(1))
  })

  it("with results that cannot be sent fails, and is not the worker's fault", async () => {
    const settlement = await run((_, resolve) => resolve({ big: 1n }))
    expect(settlement).toMatchObject({ type: 'fail', isWorkersFault: false, message: expect.stringMatching(/`results`.*BigInt/) })
  })
})
