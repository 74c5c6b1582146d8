/** Requests: what a definition and options become, and one clear message for every wrong option. */
import { describe, expect, test } from 'vitest'
import { defineTask } from './definition.ts'
import { taskMessage } from './request.ts'
import type { SendOptions } from './send-options.ts'

const now = 1_000_000
const context = { now, newId: () => 'new' }
const plain = defineTask({ name: 'plain', run: () => 1 })
const rich = defineTask({
  name: 'rich',
  queue: 'slow',
  priority: 'high',
  retry: { limit: 7 },
  lostLimit: 2,
  key: (input: { user?: string }) => input.user,
  run: () => 1,
})
const send = (options: unknown, input: unknown = {}) => taskMessage(plain, input, options as SendOptions, context)

describe('taskMessage', () => {
  test('takes what the definition says', () => {
    expect(taskMessage(plain, { a: 1 }, undefined, context)).toEqual({
      id: 'new',
      isNew: true,
      name: 'plain',
      queue: 'default',
      priority: 4,
      input: { a: 1 },
      retryLimit: 3,
      lostLimit: 5,
    })
    expect(taskMessage(rich, {}, undefined, context)).toMatchObject({ queue: 'slow', priority: 5, retryLimit: 7, lostLimit: 2 })
  })

  test('leaves the limits to the worker when it has only a name', () => {
    const message = taskMessage('elsewhere', undefined, undefined, context)
    expect(message).toMatchObject({ name: 'elsewhere', queue: 'default', priority: 4 })
    expect([message.retryLimit, message.lostLimit, message.timeoutMs]).toEqual([undefined, undefined, undefined])
    expect(() => taskMessage('no good', {}, undefined, context)).toThrow('[name invalid]')
  })

  test("the sender's options stand above the definition's", () => {
    const options: SendOptions = { id: 'mine', queue: 'q', priority: 'lowest', retryLimit: 0, lostLimit: 0, timeout: '1m' }
    expect(taskMessage(rich, {}, options, context)).toMatchObject({
      isNew: false,
      id: 'mine',
      queue: 'q',
      priority: 1,
      retryLimit: 0,
      lostLimit: 0,
      timeoutMs: 60_000,
    })
  })

  test('an option that is undefined is not given', () => {
    const options: SendOptions = { id: undefined, queue: undefined, priority: undefined, retryLimit: undefined, bind: undefined }
    expect(taskMessage(rich, {}, options, context)).toMatchObject({ id: 'new', queue: 'slow', priority: 5, retryLimit: 7 })
  })

  test('reads times from now, from a Date, from epoch milliseconds and from ISO texts', () => {
    expect(send({ delay: '7 days' }).at).toBe(now + 604_800_000)
    expect(send({ at: new Date(5000) }).at).toBe(5000)
    expect(send({ at: 5000 }).at).toBe(5000)
    expect(send({ at: '1970-01-01T00:00:05Z' }).at).toBe(5000)
    expect(send({ deadline: '10s' }).deadline).toBe(now + 10_000)
    expect(send({ deadline: new Date(5000) }).deadline).toBe(5000)
    expect(send({ deadline: '1970-01-02' }).deadline).toBe(86_400_000)
  })

  test('asks the definition for the key when the sender names none', () => {
    expect(taskMessage(rich, { user: 'u1' }, undefined, context)).toMatchObject({ key: 'u1', keyPolicy: 'existing' })
    expect(taskMessage(rich, { user: 'u1' }, { key: 'k', keyPolicy: 'reject' }, context)).toMatchObject({
      key: 'k',
      keyPolicy: 'reject',
    })
    expect(taskMessage(rich, { user: 'u1' }, { keyFor: '1m' }, context)).toMatchObject({ key: 'u1', keyForMs: 60_000 })
    expect(taskMessage(rich, {}, undefined, context).key).toBeUndefined()
    expect(taskMessage(rich, undefined, undefined, context).key).toBeUndefined()
  })

  test('says so when the definition cannot give a key', () => {
    const cause = new TypeError('no user')
    const broken = defineTask({
      name: 'broken',
      key: () => {
        throw cause
      },
      run: () => 1,
    })
    expect(() => taskMessage(broken, { a: 1 }, undefined, context)).toThrow(
      expect.objectContaining({
        code: 'INPUT_INVALID',
        rawMessage: 'expected `key` of task broken to give a text for this input, but it threw: {"a":1}',
        cause,
      }),
    )
    const wrong = defineTask({ name: 'wrong', key: () => 5 as unknown as string, run: () => 1 })
    expect(() => taskMessage(wrong, {}, undefined, context)).toThrow('expected `key` to be a text of 1 to 500 characters, got: 5')
  })

  test('passes on what only brokers read', () => {
    const options: SendOptions = {
      dependencies: ['a', 'b'],
      requires: 'all-resolved',
      onDependencyFailure: 'wait',
      bind: 'all',
      args: [1],
      kwargs: { a: 1 },
      headers: { h: 1 },
      parent: 'p',
      flow: 'f',
    }
    expect(send(options)).toMatchObject(options)
  })

  const instant = 'to be a Date, epoch milliseconds or an ISO time with its zone such as "2027-01-31T09:00:00Z", got: '
  test.each<[object, string | RegExp]>([
    [{ dealy: '1s' }, /expected an option of send \(id, queue, delay, at, .*\), got: "dealy"; did you mean `delay`\?$/],
    [{ dealy: '1s' }, 'got: "dealy"'],
    [{ id: '' }, 'expected `id` to be 1 to 200 visible ASCII characters, got: ""'],
    [{ id: 5 }, 'expected `id` to be 1 to 200 visible ASCII characters, got: 5'],
    [{ queue: 'a b' }, 'expected the queue name to be 1 to 200 characters without spaces, got: "a b"'],
    [{ delay: 'soon' }, 'expected `delay` to be a number of milliseconds or a text such as'],
    [{ delay: '1s', at: 5 }, 'expected either `delay` or `at`, got both'],
    [{ at: 'tomorrow' }, `expected \`at\` ${instant}"tomorrow"`],
    [{ at: new Date(Number.NaN) }, `expected \`at\` ${instant}null`],
    [{ at: null }, `expected \`at\` ${instant}null`],
    [{ at: '2027-01-31T09:00:00' }, `expected \`at\` ${instant}"2027-01-31T09:00:00"`],
    [{ deadline: '2027-13-01' }, `expected \`deadline\` ${instant}"2027-13-01"`],
    [{ deadline: 'soon' }, 'expected `deadline` to be a number of milliseconds or a text such as'],
    [{ deadline: '1s', delay: '2s' }, 'expected `deadline` to be after the time the task may start, got: 1000 ms before it'],
    [
      { priority: 'urgent' },
      'expected `priority` to be one of highest, very-high, high, medium, low, very-low, lowest, got: "urgent"',
    ],
    [{ priority: 3 }, 'expected `priority` to be one of highest, very-high, high, medium, low, very-low, lowest, got: 3'],
    [{ key: '' }, 'expected `key` to be a text of 1 to 500 characters, got: ""'],
    [{ key: 'k', keyPolicy: 'keep' }, 'expected `keyPolicy` to be one of existing, reject, replace, got: "keep"'],
    [{ keyPolicy: 'reject' }, 'expected `keyFor` and `keyPolicy` beside a `key`, got no key'],
    [{ keyFor: '1s' }, 'expected `keyFor` and `keyPolicy` beside a `key`, got no key'],
    [{ key: 'k', keyFor: 'long' }, 'expected `keyFor` to be a number of milliseconds or a text such as'],
    [{ dependencies: 'a' }, 'expected `dependencies` to be a list, got: "a"'],
    [{ dependencies: ['a', ''] }, 'expected `id` to be 1 to 200 visible ASCII characters, got: ""'],
    [{ dependencies: ['a', 'a'] }, 'expected `dependencies` to be different ids, got: ["a","a"]'],
    [{ requires: 'some' }, 'expected `requires` to be one of all-completed, all-resolved, got: "some"'],
    [{ onDependencyFailure: 'cry' }, 'expected `onDependencyFailure` to be one of resolve, wait, got: "cry"'],
    [{ bind: 'two', dependencies: ['a'] }, 'expected `bind` to be one, all or { first: 2 }, got: "two"'],
    [{ bind: { first: 0 }, dependencies: ['a'] }, 'expected `bind.first` to be a positive whole number, got: 0'],
    [{ bind: { frist: 1 }, dependencies: ['a'] }, 'expected an option of `bind` (first), got: "frist"; did you mean `first`?'],
    [
      { bind: { first: 2 }, dependencies: ['a'] },
      'expected `bind.first` to be at most 1, as many as there are `dependencies`, got: 2',
    ],
    [{ bind: 'one' }, 'expected `bind` beside `dependencies`, got no dependencies'],
    [{ retryLimit: -1 }, 'expected `retryLimit` to be a whole number from 0, got: -1'],
    [{ lostLimit: 0.5 }, 'expected `lostLimit` to be a whole number from 0, got: 0.5'],
    [{ timeout: 0 }, 'expected `timeout` to be longer than 0; leave it out for no limit, got: 0'],
    [{ timeout: 'never' }, 'expected `timeout` to be a number of milliseconds or a text such as'],
    [{ args: { 0: 'a' } }, 'expected `args` to be a list, got: {"0":"a"}'],
    [{ kwargs: [] }, 'expected `kwargs` to be an object, got: []'],
    [{ headers: null }, 'expected `headers` to be an object, got: null'],
    [{ parent: '' }, 'expected `parent` to be a text, got: ""'],
    [{ flow: 5 }, 'expected `flow` to be a text, got: 5'],
    ['fast' as unknown as object, 'expected the options of send to be an object, got: "fast"'],
  ])('refuses %o', (options, message) => {
    expect(() => send(options)).toThrow(message)
    expect(() => send(options)).toThrow(/^\[(option|duration|name) invalid\] [^\n]+$/)
  })
})
