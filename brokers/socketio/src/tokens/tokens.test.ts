/** Tokens: what may be asked for, what is kept, and for what they are good. */
import { manualClock, testBroker } from '@lovage/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Work } from '../wire/work.ts'
import { covers, forbids } from './pass.ts'
import { hashOf, isSecretOf, newTokenText, readToken, writeToken } from './token-text.ts'
import { type WorkerTokens, workerTokens } from './worker-tokens.ts'

const clock = manualClock()
let broker: Awaited<ReturnType<typeof testBroker>>
let tokens: WorkerTokens
beforeEach(async () => {
  broker = await testBroker({ clock })
  tokens = workerTokens(broker)
})
afterEach(() => broker.close())

describe('a text', () => {
  test('is read as it is written, and of nothing else', () => {
    const parts = newTokenText()
    const text = writeToken(parts)
    expect(readToken(text)).toEqual(parts)
    expect(text).toMatch(/^lovage-[a-z2-7]{8}-[\w-]{43}$/)
    for (const wrong of ['', ` ${text}`, text.slice(0, -1), `${text}x`, text.toUpperCase()])
      expect(readToken(wrong)).toBeUndefined()
  })

  test('is proved by its secret alone', () => {
    const { secret } = newTokenText()
    expect(isSecretOf(hashOf(secret), secret)).toBe(true)
    expect(isSecretOf(hashOf(secret), newTokenText().secret)).toBe(false)
    expect(isSecretOf('short', secret)).toBe(false)
  })
})

describe('tokens of a broker', () => {
  test('are made, listed without their secret, and revoked', async () => {
    const made = await tokens.create({ name: 'the printer', ids: ['img-*'], queues: ['a', 'b', 'a'], expires: '90 days' })
    expect(made).toMatchObject({ name: 'the printer', ids: ['img-*'], queues: ['a', 'b'], isExpired: false })
    const { token, ...info } = made
    expect(await tokens.list()).toEqual([info])
    const kept = JSON.stringify(await broker.desk?.records.list('worker-token'))
    const secret = readToken(token)?.secret ?? ''
    expect(kept).toContain(hashOf(secret))
    expect(kept).not.toContain(secret)
    expect(await tokens.revoke(made.id)).toBe(true)
    expect(await tokens.revoke(made.id)).toBe(false)
    expect(await tokens.list()).toEqual([])
  })

  test('say when they are expired, the newest first', async () => {
    const { id } = await tokens.create({ expires: '1s' })
    await clock.advance(1000)
    const newer = await tokens.create()
    expect(await tokens.list()).toMatchObject([
      { id: newer.id, isExpired: false },
      { id, isExpired: true },
    ])
  })

  test('tell of a revocation', async () => {
    const heard = new Promise((resolve) => void broker.events.capture(['token-revoked'], resolve).then(() => revoke()))
    const { id } = await tokens.create()
    const revoke = (): Promise<boolean> => tokens.revoke(id)
    expect(await heard).toMatchObject({ type: 'token-revoked', token: id })
  })

  test.each([
    ['nothing', {}, ['*'], ['*']],
    ['ids', { ids: ['w', 'img-*'] }, ['w', 'img-*'], ['w', 'img-*']],
    ['queues', { queues: ['a'] }, ['*'], ['a']],
  ])('of %s said are for these', async (_, options, ids, queues) => {
    expect(await tokens.create(options)).toMatchObject({ ids, queues })
  })

  test.each([
    [{ ids: [] }, 'OPTION_INVALID', /expected `ids` to be a list of 1 to 1000 names/],
    [{ ids: ['a*b'] }, 'OPTION_INVALID', /expected `ids` to be names with a \* at the end alone, got: "a\*b"/],
    [{ queues: ['two words'] }, 'NAME_INVALID', /queue name/],
    [{ expires: 0 }, 'OPTION_INVALID', /longer than nothing/],
    [{ expires: 'soon' }, 'DURATION_INVALID', /expires/],
    [{ name: ' ' }, 'OPTION_INVALID', /name/],
    [{ id: 'w' }, 'OPTION_INVALID', /did you mean `ids`/],
  ])('of %j are refused', async (options, code, message) => {
    const made = tokens.create(options as object)
    await expect(made).rejects.toMatchObject({ code })
    await expect(made).rejects.toThrow(message)
  })

  test('are refused by a broker that keeps nothing', () => {
    expect(() => workerTokens({ desk: undefined })).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }))
  })
})

describe('a pass', () => {
  test.each([
    [['w'], 'w', true],
    [['w'], 'w2', false],
    [['img-*'], 'img-', true],
    [['img-*'], 'im', false],
    [['foo/*'], 'foo/bar', true],
    [['*'], 'any', true],
    [['a', 'b*'], 'b', true],
  ])('for %j and %s: %s', (patterns, name, isCovered) => {
    expect(covers(patterns, name)).toBe(isCovered)
  })

  test('says what it does not allow', () => {
    const pass = { ids: ['w'], queues: ['a', 'b'] }
    expect(forbids(pass, { id: 'w', queues: ['a', 'b'] })).toBeUndefined()
    expect(forbids(pass, { id: 'v', queues: ['a'] })).toBe('expected an id that the token allows (w), got: "v"')
    expect(forbids(pass, { id: 'w', queues: ['a', 'c'] })).toBe('expected queues that the token allows (a, b), got: "c"')
    expect(forbids(pass, { id: 'w', queues: ['w'] })).toMatch(/got: "w", the queue of a worker that names none$/)
  })

  test('for an id lets a whole Worker be on any host, and tells it how to name queues', () => {
    const pass = { ids: ['w'], queues: ['a'] }
    const work = {} as Work
    expect(forbids(pass, { id: 'w@far', queues: ['a'], work })).toBeUndefined()
    expect(forbids(pass, { id: 'v@w', queues: ['a'], work })).toMatch(/got: "v@w"$/)
    expect(forbids(pass, { id: 'w@far', queues: ['a'] })).toMatch(/got: "w@far"$/)
    expect(forbids(pass, { id: 'w@far', queues: ['default'], work })).toBe(
      'expected queues that the token allows (a), got: "default"; name those to serve, for `lovage worker` by -Q',
    )
  })
})
