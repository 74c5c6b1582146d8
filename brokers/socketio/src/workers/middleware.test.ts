import { describe, expect, it } from 'vitest'
import { checkMiddleware, type Middleware, runMiddleware } from './middleware.ts'

async function run(chain: readonly Middleware[], capMs = 60_000): Promise<string[]> {
  const errors: string[] = []
  await runMiddleware(chain, capMs, (message) => errors.push(message))
  return errors
}

/** Comes later, after what is due now. */
const later = () => new Promise<void>((done) => void setImmediate(() => done()))

describe('middleware', () => {
  it('runs in order, each awaited, before and after what follows', async () => {
    const said: string[] = []
    const named =
      (name: string): Middleware =>
      async (next) => {
        await later()
        said.push(`${name} before`)
        await next()
        await later()
        said.push(`${name} after`)
      }
    expect(await run([named('a'), named('b')])).toEqual([])
    expect(said).toEqual(['a before', 'b before', 'b after', 'a after'])
  })

  it('that throws, calls nothing, or calls twice does not change what runs after it', async () => {
    const said: string[] = []
    const throwing: Middleware = () => {
      throw new Error('no')
    }
    const twice: Middleware = async (next) => {
      await next()
      await next()
    }
    const last: Middleware = () => void said.push('last')
    expect(await run([throwing, () => {}, twice, last])).toEqual(['middleware of "server.close" failed: no'])
    expect(said).toEqual(['last'])
  })

  it('has its time, without that of what it waits for', async () => {
    const said: string[] = []
    const stuck: Middleware = () => new Promise(() => {})
    const stuckAfter: Middleware = async (next) => {
      await next()
      await new Promise(() => {})
    }
    const last: Middleware = () => void said.push('last')
    const left = 'middleware of "server.close" was left behind after 1 ms'
    expect(await run([async (next) => next(), stuckAfter, stuck, last], 1)).toEqual([left, left])
    expect(said).toEqual(['last'])
  })

  it('is for the end alone', () => {
    expect(() => checkMiddleware('server.open', () => {})).toThrow('expected middleware for "server.close", got: "server.open"')
    expect(() => checkMiddleware('server.close', 5 as never)).toThrow(/to be a function, got: 5/)
  })
})
