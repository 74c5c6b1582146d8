import { ConfigError, type Failure, failureFrom, LovageError, TaskError } from '@lovage/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { HardTimeout } from '../stop-errors.ts'
import { reviveError } from './revive-error.ts'

it('brings back an error of Lovage as what it was', () => {
  const cause = new RangeError('too far')
  const revived = reviveError(failureFrom(new TaskError('TIMEOUT', '[x] over', { cause })))
  expect(revived).toBeInstanceOf(TaskError)
  expect(LovageError.is(revived, 'TIMEOUT')).toBe(true)
  expect(revived).toMatchObject({ message: '[timeout] [x] over', rawMessage: '[x] over', cause: { name: 'RangeError' } })
})

it('brings back subclasses by class where it knows them, by name where not', () => {
  const known = reviveError(failureFrom(new HardTimeout('TIMEOUT', 'over')))
  expect(known).toBeInstanceOf(HardTimeout)
  const unknown = reviveError({ name: 'StrangeTimeout', message: '[timeout] over', code: 'TIMEOUT' })
  expect(LovageError.is(unknown, 'TIMEOUT')).toBe(true)
  expect(unknown).toMatchObject({ name: 'StrangeTimeout', message: '[timeout] over', rawMessage: 'over' })
})

it('brings back any other error by its words', () => {
  const revived = reviveError({ name: 'AbortError', message: 'stop', code: 'E_STOP', stack: 'AbortError: stop\n    at there' })
  expect(revived).toBeInstanceOf(Error)
  expect(revived).toMatchObject({ name: 'AbortError', message: 'stop', code: 'E_STOP', stack: 'AbortError: stop\n    at there' })
  expect(Object.keys(revived)).toEqual(['code'])
})

it('does not take a name or code of its own words on trust', () => {
  for (const failure of [
    { name: 'ConfigError', message: 'm', code: 'NO_SUCH_CODE' },
    { name: 'ConfigError', message: 'm' },
    { name: 'constructor', message: 'm', code: 'BUG' },
    { name: 'ConfigError', message: '[bug] m', code: 'OPTION_INVALID' },
  ]) {
    const revived = reviveError(failure)
    expect(revived).not.toBeInstanceOf(ConfigError)
    expect(revived).toMatchObject(failure)
  }
})

it('loses nothing on the way there and back', () => {
  const text = fc.string()
  const failures = fc.letrec<{ failure: Failure }>((tie) => ({
    failure: fc.record(
      {
        name: fc.oneof(text, fc.constantFrom('TaskError', 'BugError', 'TypeError')).filter((name) => name !== ''),
        message: text,
        code: fc.oneof(text, fc.constantFrom('BUG', 'TIMEOUT')),
        stack: text,
        cause: fc.option(tie('failure'), { nil: undefined, maxDepth: 3 }),
      },
      { requiredKeys: ['name', 'message', 'stack'] },
    ) as fc.Arbitrary<Failure>,
  })).failure
  fc.assert(
    fc.property(failures, (failure) => {
      const known = failureFrom(reviveError(failure))
      const again = failureFrom(reviveError(JSON.parse(JSON.stringify(known))))
      expect(again).toEqual(known)
    }),
  )
})
