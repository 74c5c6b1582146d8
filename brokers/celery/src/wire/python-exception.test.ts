/** Failures as exceptions that Python makes up again, and the other way round. */
import { failureFrom } from '@lovage/core'
import { describe, expect, it } from 'vitest'
import { celeryExceptions, exceptionFrom, exceptionRepr, failureFromRecord, readException } from './python-exception.ts'
import { parsePython } from './python-json.ts'
import { textLiteral } from './python-literal.ts'
import { tracebackOf } from './python-traceback.ts'

describe('exceptions', () => {
  it('names the class of a failure and no module, for Python would look for it there', () => {
    class Overdrawn extends Error {
      override readonly name = 'Overdrawn'
    }
    const exception = exceptionFrom(failureFrom(new Overdrawn('by 5')))
    expect(exception).toEqual({ exc_type: 'Overdrawn', exc_message: ['by 5'], exc_module: null })
    expect(failureFromRecord(exception)).toEqual({ name: 'Overdrawn', message: 'by 5' })
  })

  it.each([
    [celeryExceptions.notRegistered('demo.add'), "NotRegistered('demo.add')", 'celery.exceptions'],
    [celeryExceptions.taskRevoked('expired'), "TaskRevokedError('expired')", 'celery.exceptions'],
    [celeryExceptions.timeLimitExceeded(1500), 'TimeLimitExceeded(1.5)', 'billiard.exceptions'],
    [celeryExceptions.softTimeLimitExceeded(), 'SoftTimeLimitExceeded()', 'billiard.exceptions'],
    [
      celeryExceptions.chordFailed('id-1', { exc_type: 'ValueError', exc_message: ['boom', 42], exc_module: 'builtins' }),
      `ChordError("Dependency id-1 raised ValueError('boom', 42)")`,
      'celery.exceptions',
    ],
  ])('writes %o as Python shows it', (exception, repr, module) => {
    expect(exceptionRepr(exception)).toBe(repr)
    expect(exception.exc_module).toBe(module)
  })

  it('shows values of Python in exceptions as Python does', () => {
    const { carried } = parsePython('{"exc_type": "Outer.Inner", "exc_message": [1.0, [1], null, "a\\nb"], "exc_module": "x"}')
    expect(exceptionRepr(readException(carried)!)).toBe("Inner(1.0, [1], None, 'a\\nb')")
  })

  it('reads the messages of all versions', () => {
    expect(failureFromRecord({ exc_type: 'E', exc_message: 'text', exc_module: 'm' })).toEqual({ name: 'E', message: 'text' })
    expect(failureFromRecord({ exc_type: 'E', exc_message: [] }, 'Traceback')).toEqual({
      name: 'E',
      message: '',
      stack: 'Traceback',
    })
    expect(failureFromRecord({ exc_type: 'E', exc_message: ['boom', 42] }).message).toBe("('boom', 42)")
    expect(failureFromRecord({ exc_type: 'E', exc_message: [42] }).message).toBe('42')
    expect(failureFromRecord('ValueError: old').message).toBe('ValueError: old')
    expect(failureFromRecord(null).message).toBe('None')
    expect(readException({ exc_type: 5 })).toBeUndefined()
  })
})

describe('textLiteral', () => {
  // As CPython 3.11 writes them.
  it.each([
    ['plain', "'plain'"],
    ["it's", `"it's"`],
    [`both ' and "`, `'both \\' and "'`],
    ['a\\b\n\r\t', "'a\\\\b\\n\\r\\t'"],
    ['\u0000\u001b\u007f\u0085\u00a0\u00ad', "'\\x00\\x1b\\x7f\\x85\\xa0\\xad'"],
    ['h\u00e9 \u2603 \u{1f600}', "'h\u00e9 \u2603 \u{1f600}'"],
    ['\u2028\u3000\ufeff\ud800', "'\\u2028\\u3000\\ufeff\\ud800'"],
    ['\u{e0001}', "'\\U000e0001'"],
  ])('writes %j', (text, literal) => {
    expect(textLiteral(text)).toBe(literal)
  })
})

describe('tracebackOf', () => {
  const stack = [
    'Overdrawn: by 5',
    '    at withdraw (file:///app/bank.ts:10:5)',
    '    at async Object.run (/app/tasks.ts:7:3)',
    '    at new Promise (<anonymous>)',
    '    at node:internal/process/task_queues:95:5',
  ].join('\n')

  it('has the most recent call last', () => {
    expect(tracebackOf({ name: 'Overdrawn', message: 'by 5', stack })).toBe(
      [
        'Traceback (most recent call last):',
        '  File "node:internal/process/task_queues", line 95, in <module>',
        '  File "/app/tasks.ts", line 7, in Object.run',
        '  File "/app/bank.ts", line 10, in withdraw',
        'Overdrawn: by 5',
        '',
      ].join('\n'),
    )
  })

  it('tells causes first', () => {
    expect(tracebackOf({ name: 'Outer', message: '', cause: { name: 'Inner', message: 'x' } })).toBe(
      'Inner: x\n\nThe above exception was the direct cause of the following exception:\n\nOuter\n',
    )
  })

  it('leaves those of Python alone', () => {
    const python = 'Traceback (most recent call last):\n  File "demo.py", line 37, in fail\nValueError: boom\n'
    expect(tracebackOf({ name: 'ValueError', message: 'boom', stack: python })).toBe(python)
  })

  it('reads real stacks', () => {
    expect(tracebackOf(failureFrom(new Error('here')))).toMatch(
      /^Traceback \(most recent call last\):\n( {2}File ".+", line \d+, in .+\n)+Error: here\n$/,
    )
  })
})
