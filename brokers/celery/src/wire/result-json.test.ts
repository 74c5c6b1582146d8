/** Result records of every version and state, read and written. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePython, writePython } from './python-json.ts'
import {
  carriedResult,
  decodeResultRecord,
  isResultTuple,
  readResultRecord,
  rpcObject,
  writeResultRecord,
} from './result-json.ts'
import type { ResultRecord } from './result-record.ts'

describe('decodeResultRecord', () => {
  it('reads times with and without an offset', () => {
    const read = (done: unknown) =>
      decodeResultRecord(JSON.stringify({ task_id: 'x', status: 'SUCCESS', result: 1, date_done: done })).doneAtMs
    expect(read('2026-11-20T21:21:27.026692')).toBe(Date.UTC(2026, 10, 20, 21, 21, 27) + 26.692)
    expect(read('2026-11-20T21:21:27.026692+00:00')).toBe(Date.UTC(2026, 10, 20, 21, 21, 27) + 26.692)
    expect(read('some day')).toBeUndefined()
    expect(read(null)).toBeUndefined()
  })

  it('keeps what came of a result that JavaScript sees otherwise', () => {
    const text = '{"status":"SUCCESS","result":[5.0,{"__type__":"decimal","__value__":"1.10"}],"task_id":"x"}'
    const record = decodeResultRecord(text)
    expect(record.result).toEqual([5, '1.10'])
    expect(writeResultRecord(record)).toContain('"result":[5.0,{"__type__":"decimal","__value__":"1.10"}]')
    expect(carriedResult({ ...record, result: 7 })).toBe(7)
    expect(decodeResultRecord('{"status":"SUCCESS","result":5,"task_id":"x"}').received).toBeUndefined()
  })

  it('leaves out children that are no results', () => {
    const children = [['a', null], [['b', null], null], 5, [['c', [['d', null], null]], [[['e', null], null]]]]
    const record = decodeResultRecord(JSON.stringify({ task_id: 'x', status: 'SUCCESS', result: null, children }))
    expect(record.children).toEqual([children[1], children[3]])
  })

  it.each(['{}', '[]', '5', 'nonsense', '{"task_id": "x"}', '{"task_id": 1, "status": "SUCCESS"}'])('refuses %s', (text) => {
    expect(() => decodeResultRecord(text)).toThrow(expect.objectContaining({ code: 'PROTOCOL_INVALID' }))
  })

  it('never throws over values', () => {
    const name = fc.constantFrom('task_id', 'status', 'result', 'children', 'date_done', 'retries', 'stamped_headers', 'name')
    fc.assert(
      fc.property(fc.dictionary(name, fc.oneof(fc.jsonValue(), fc.string())), (fields) => {
        expect(() => readResultRecord(parsePython(JSON.stringify(fields)))).not.toThrow()
      }),
    )
  })

  it('reads what it writes', () => {
    const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
    const tuple = fc.tuple(fc.tuple(fc.string(), fc.constant(null)), fc.constant(null))
    const stamps = fc.dictionary(
      fc.string().map((name) => `stamp-${name}`),
      fc.integer(),
    )
    const records = fc.record({
      taskId: fc.string(),
      status: fc.constantFrom('SUCCESS', 'STARTED', 'PROGRESS'),
      result: fc.oneof(fc.integer(), fc.string(), fc.constant(null)),
      traceback: maybe(fc.string()),
      children: maybe(fc.array(tuple)),
      doneAtMs: maybe(fc.integer({ min: 0, max: 4_000_000_000_000 })),
      groupId: maybe(fc.string()),
      parentId: maybe(fc.string()),
      extended: maybe(
        fc.record({
          name: fc.string(),
          args: fc.array(fc.integer()),
          kwargs: fc.dictionary(fc.string(), fc.integer()),
          worker: fc.string(),
          retries: fc.nat(),
          queue: fc.string(),
          stamps,
        }),
      ),
    })
    fc.assert(
      fc.property(records, (record) => {
        const stampedHeaders = record.extended && Object.keys(record.extended.stamps)
        const original: ResultRecord = { ...record, extended: record.extended && { ...record.extended, stampedHeaders } }
        expect(decodeResultRecord(writeResultRecord(original))).toEqual(original)
      }),
    )
  })
})

describe('rpcObject', () => {
  it('has five keys, or all of them', () => {
    const record: ResultRecord = { taskId: 'x', status: 'SUCCESS', result: undefined, children: [], doneAtMs: 0 }
    expect(writePython(rpcObject(record))).toBe('{"task_id":"x","status":"SUCCESS","result":null,"traceback":null,"children":[]}')
    expect(writePython(rpcObject(record, true))).toBe(
      '{"status":"SUCCESS","result":null,"traceback":null,"children":[],"date_done":"1970-01-01T00:00:00+00:00","task_id":"x"}',
    )
  })
})

describe('isResultTuple', () => {
  it('stops at parents without an end', () => {
    let tuple: unknown = [['x', null], null]
    for (let depth = 0; depth < 2000; depth++) tuple = [['x', tuple], null]
    expect(isResultTuple(tuple)).toBe(false)
  })
})
