/** The tasks that every worker has, given arguments as Celery and others send them. */
import { LovageError } from '@lovage/core'
import { describe, expect, it } from 'vitest'
import type { ResultRecord } from '../wire/result-record.ts'
import type { TaskRequest } from '../wire/task-message.ts'
import { builtinNames, runBuiltin } from './builtin-tasks.ts'
import { chord, signature } from './index.ts'
import type { CanvasSender, Order } from './orders.ts'
import { apply } from './start.ts'
import { type ChordUnlock, unlockVerdict } from './unlock.ts'

const [add, tsum] = [signature('add'), signature('tsum')]

function requestOf(task: string, args: readonly unknown[], kwargs: Readonly<Record<string, unknown>> = {}): TaskRequest {
  return { id: 'run', task, args, kwargs, embed: {}, retries: 0, headers: {} }
}

function senderOf(chords: CanvasSender['chords'] = 'counted'): CanvasSender {
  let count = 0
  return { newId: () => `new-${count++}`, replyTo: 'me', now: 1000, chords }
}

function run(task: string, args: readonly unknown[], kwargs: Readonly<Record<string, unknown>> = {}) {
  return runBuiltin(requestOf(task, args, kwargs), senderOf())
}

const sent = (orders: readonly Order[]) =>
  orders.map((order) => (order.type === 'task' ? [order.request.task, order.request.args] : order.size))

describe('built-in tasks', () => {
  it('are those that Celery has, and no others', () => {
    expect(builtinNames).toEqual([
      'celery.accumulate',
      'celery.backend_cleanup',
      'celery.chain',
      'celery.chord',
      'celery.chord_unlock',
      'celery.chunks',
      'celery.group',
      'celery.map',
      'celery.starmap',
    ])
    expect([run('add', []), run('toString', [])]).toEqual([undefined, undefined])
  })

  it('accumulate answers with its arguments, or one of them', () => {
    expect(run('celery.accumulate', [1, 2])).toMatchObject({ value: [1, 2] })
    expect(run('celery.accumulate', [[1, 2]], { index: 0 })).toMatchObject({ value: [1, 2] })
  })

  it('map and starmap call a task here, by name or by place', () => {
    expect(run('celery.map', [], { task: add.signature, it: [1, [2]] })).toEqual({
      type: 'calls',
      task: 'add',
      calls: [[1], [[2]]],
    })
    expect(run('celery.starmap', [add.signature, [[1, 2], []]])).toEqual({ type: 'calls', task: 'add', calls: [[1, 2], []] })
  })

  it('chunks sends starmaps and answers with their ids', () => {
    const it = [[1], [2], [3]]
    const done = run('celery.chunks', [], { task: add.signature, it, n: 2 })
    if (done?.type !== 'value') throw new Error('expected a value')
    const parts = done.orders.map(
      (order) => order.type === 'task' && [order.request.kwargs.it, order.routing.name, order.request.parentId],
    )
    expect(parts).toEqual([
      [[[1], [2]], 'add', 'run'],
      [[[3]], 'add', 'run'],
    ])
    expect([done.value, done.children]).toEqual([
      [
        ['new-0', null],
        [
          [['new-1', null], null],
          [['new-2', null], null],
        ],
      ],
      [done.value],
    ])
  })

  it('group and chord send what they name', () => {
    const result = [['g', null], []]
    const grouped = run('celery.group', [[add.signature, add.signature], result, 'g', [1]])
    const chorded = run('celery.chord', [
      { task: 'celery.group', subtask_type: 'group', kwargs: { tasks: [add.signature] } },
      tsum.signature,
    ])
    expect(grouped?.type === 'value' && [sent(grouped.orders), grouped.value]).toEqual([
      [
        ['add', [1]],
        ['add', [1]],
      ],
      result,
    ])
    expect(chorded?.type === 'value' && sent(chorded.orders)).toEqual([1, ['add', []]])
  })

  it.each([
    ['celery.chain', [], {}],
    ['celery.map', [], {}],
    ['celery.map', [], { task: add.signature, it: 7 }],
    ['celery.starmap', [add.signature, [1]], {}],
    ['celery.chunks', [add.signature, [], 0], {}],
    ['celery.chord', [[add.signature], null], {}],
    ['celery.chord_unlock', [7, tsum.signature], { result: [] }],
    ['celery.chord_unlock', ['g', tsum.signature], { result: [7] }],
    ['celery.chord_unlock', ['g', tsum.signature], {}],
  ])('%s refuses arguments that are not its own: %j %j', (task, args, kwargs) => {
    try {
      run(task, args, kwargs)
      expect.unreachable()
    } catch (error) {
      expect(LovageError.is(error, 'PROTOCOL_INVALID')).toBe(true)
    }
  })

  it('pass on what came as it came', () => {
    const request = requestOf('celery.accumulate', [1])
    const body = new Uint8Array()
    const content = { contentType: 'application/json', contentEncoding: 'utf-8', body, embed: request.embed }
    const received = { ...content, args: request.args, kwargs: request.kwargs, carriedArgs: ['1.0'], carriedKwargs: {} }
    expect(runBuiltin({ ...request, received }, senderOf())).toMatchObject({ value: ['1.0'] })
    expect(runBuiltin({ ...request, args: [2], received }, senderOf())).toMatchObject({ value: [2] })
  })
})

describe('celery.chord_unlock', () => {
  const applied = apply(chord([add, add], tsum).set({ queue: 'q' }).signature, {}, senderOf('unlock'))
  const [first] = applied.orders

  function unlockOf(changes: Partial<TaskRequest> = {}): ChordUnlock {
    if (first?.type !== 'task') throw new Error('expected a task')
    const done = runBuiltin({ ...first.request, ...changes }, senderOf('unlock'))
    if (done?.type !== 'unlock') throw new Error('expected an unlock')
    return done.unlock
  }

  function verdict(unlock: ChordUnlock, ...states: readonly (string | undefined)[]) {
    const records = states.map((status, index): ResultRecord | undefined =>
      status === undefined ? undefined : { taskId: unlock.ids[index] ?? '', status, result: index },
    )
    return unlockVerdict(unlock, records, () => false, senderOf('unlock'))
  }

  it('is sent before the header, a second ahead, to the queue of the body and by its routes', () => {
    if (first?.type !== 'task') throw new Error('expected a task')
    expect([first.request.task, first.request.etaMs, first.request.ignoreResult]).toEqual(['celery.chord_unlock', 2000, true])
    expect([first.routing.queue, first.routing.name]).toEqual(['q', 'tsum'])
    expect(applied.children[0]).toEqual([[first.request.id, null], null])
  })

  it('waits until every member is done, and applies the body then', () => {
    const unlock = unlockOf()
    expect([verdict(unlock), verdict(unlock, 'SUCCESS', 'STARTED')]).toEqual([{ type: 'wait' }, { type: 'wait' }])
    const end = verdict(unlock, 'SUCCESS', 'SUCCESS')
    expect(end.type === 'applied' && sent(end.orders)).toEqual([['tsum', [[0, 1]]]])
  })

  it('takes its interval, and gives the chord up after its last try', () => {
    const [group, body] = first?.type === 'task' ? first.request.args : []
    const kwargs = { interval: 0.5, max_retries: 2, result: [[['x', [['w', null], null]], null]] }
    const unlock = unlockOf({ args: [group, body], kwargs, retries: 1 })
    expect([unlock.intervalMs, unlock.retryLimit, unlock.ids]).toEqual([500, 2, ['x']])
    expect(verdict(unlock)).toEqual({ type: 'wait' })
    const last = verdict(unlockOf({ args: [group, body], kwargs, retries: 2 }))
    expect(last.type === 'failed' && last.unreached.length).toBe(1)
  })
})
