/** Errors: code, brand, words; and failures made of whatever was thrown. */
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ErrorCode, errorCatalogue } from './error-codes.ts'
import { BugError, ConfigError, failureFrom, LovageError, ProtocolError, StoreError, TaskError } from './errors.ts'

describe('LovageError', () => {
  test('begins with the code in words and keeps the message apart', () => {
    const error = new TaskError('TASK_CONFLICT', 'expected another id', { subject: 'a' })
    expect(error).toMatchObject({
      name: 'TaskError',
      code: 'TASK_CONFLICT',
      message: '[task conflict] expected another id',
      rawMessage: 'expected another id',
      retryable: false,
      subject: 'a',
    })
  })

  test.each([BugError, ConfigError, ProtocolError, StoreError, TaskError])(
    '%o is an error and a LovageError of its own name',
    (Kind) => {
      const error = new Kind('BUG', 'x')
      expect(error).toBeInstanceOf(Error)
      expect(error.name).toBe(Kind.name)
      expect(LovageError.is(error)).toBe(true)
    },
  )

  test('takes from the catalogue whether trying again may help, unless it is told', () => {
    for (const code of Object.keys(errorCatalogue) as ErrorCode[]) {
      expect(new LovageError(code, 'x').retryable).toBe(errorCatalogue[code].retryable)
    }
    expect(new StoreError('STORE_BUSY', 'x', { retryable: false }).retryable).toBe(false)
  })

  test('has a cause only when it was given one', () => {
    expect('cause' in new LovageError('BUG', 'x')).toBe(false)
    expect(new LovageError('BUG', 'x', { cause: undefined })).toHaveProperty('cause', undefined)
  })

  test('is known by its brand, not by its class', () => {
    const other = Object.assign(new Error('from another copy'), { code: 'BUG', [Symbol.for('lovage.error')]: true })
    expect(LovageError.is(other)).toBe(true)
    expect(LovageError.is(other, 'BUG')).toBe(true)
    expect(LovageError.is(other, 'TIMEOUT')).toBe(false)
    for (const value of [undefined, null, 'x', {}, new Error('x'), { code: 'BUG' }]) expect(LovageError.is(value)).toBe(false)
  })
})

describe('failureFrom', () => {
  test('keeps name, message, code, stack and cause', () => {
    const cause = Object.assign(new TypeError('inner'), { code: 'ENOENT' })
    const failure = failureFrom(new TaskError('TASK_FAILED', 'outer', { cause }))
    expect(failure).toMatchObject({
      name: 'TaskError',
      message: '[task failed] outer',
      code: 'TASK_FAILED',
      cause: { name: 'TypeError', message: 'inner', code: 'ENOENT' },
    })
    expect(failure.stack).toContain('errors.test.ts')
  })

  test('takes errors of another realm', () => {
    expect(failureFrom(runInNewContext("new RangeError('far')"))).toMatchObject({ name: 'RangeError', message: 'far' })
  })

  test('does not hang on causes that turn in a circle', () => {
    const self = new Error('self')
    self.cause = self
    expect(failureFrom(self).cause).toBeUndefined()
    const [a, b] = [new Error('a'), new Error('b')]
    a.cause = b
    b.cause = a
    expect(failureFrom(a)).toMatchObject({ message: 'a', cause: { message: 'b' } })
    expect(failureFrom(a).cause?.cause).toBeUndefined()
  })

  test('keeps five causes and no more', () => {
    let error = new Error('0')
    for (let depth = 1; depth < 20; depth++) error = new Error(String(depth), { cause: error })
    const messages: string[] = []
    for (let failure: ReturnType<typeof failureFrom> | undefined = failureFrom(error); failure; failure = failure.cause)
      messages.push(failure.message)
    expect(messages).toEqual(['19', '18', '17', '16', '15'])
  })

  test.each([
    ['text', 'text'],
    [5, '5'],
    [undefined, 'undefined'],
    [null, 'null'],
    [10n, '10'],
    [Symbol('s'), 'Symbol(s)'],
    [{ status: 500 }, '{"status":500}'],
    [{ message: 'like an error' }, 'like an error'],
    [{ big: 10n }, 'a value that cannot be written as JSON'],
  ])('makes a message of a thrown %o', (thrown, message) => {
    expect(failureFrom(thrown)).toMatchObject({ name: 'Error', message })
  })

  test('survives getters that throw', () => {
    const trap = new Proxy(
      {},
      {
        get() {
          throw new Error('trapped')
        },
      },
    )
    expect(failureFrom(trap)).toMatchObject({ name: 'Error' })
  })

  test('gives JSON of whatever was thrown', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        const failure = failureFrom(thrown)
        expect(JSON.parse(JSON.stringify(failure))).toEqual(failure)
      }),
    )
  })
})
