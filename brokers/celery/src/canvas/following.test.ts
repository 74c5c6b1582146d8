/** What follows a run where the captured flows say nothing: callbacks in groups, failures of chords, parts that are missing. */
import { ConfigError, ProtocolError } from '@lovage/core'
import { describe, expect, it } from 'vitest'
import { CanvasRun, Raised } from '../fixtures/canvas-run.ts'
import type { TaskRequest } from '../wire/task-message.ts'
import { afterFailure } from './after-failure.ts'
import { afterSuccess } from './after-success.ts'
import { endChord, valuesOf } from './chord-end.ts'
import { type Canvas, chain, chord, group, signature } from './index.ts'
import type { CanvasSender, Order, TaskOrder } from './orders.ts'
import { type Signature, withOptions } from './signature.ts'
import { apply } from './start.ts'

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => signature(name)) as [Canvas, Canvas, Canvas, Canvas]
const noneNew = () => false

function requestOf(embed: TaskRequest['embed'] = {}, more: Partial<TaskRequest> = {}): TaskRequest {
  return { id: 'run', task: 'ran', args: [], kwargs: {}, embed, retries: 0, headers: {}, ...more }
}

function senderOf(more: Partial<CanvasSender> = {}): CanvasSender {
  let count = 0
  return { newId: () => `new-${count++}`, replyTo: 'me', now: 1000, chords: 'counted', ...more }
}

function tasks(orders: readonly Order[]): readonly TaskOrder['request'][] {
  return orders.flatMap((order) => (order.type === 'task' ? [order.request] : []))
}

const names = (orders: readonly Order[]) => tasks(orders).map(({ task, group: id }) => [task, id])

describe('success', () => {
  it('costs nothing when nothing follows', () => {
    const sender = senderOf({ newId: () => expect.unreachable('no id is needed') })
    expect(afterSuccess(requestOf({ callbacks: [], chain: [] }), 1, sender)).toEqual({ orders: [], children: [] })
  })

  it('applies groups among several callbacks each alone, and the others as one group', () => {
    const callbacks = [a, group(b, c), d].map((one) => one.signature)
    const { orders, children } = afterSuccess(requestOf({ callbacks }), 7, senderOf())
    expect(names(orders)).toEqual([
      ['b', 'new-0'],
      ['c', 'new-0'],
      ['a', 'new-3'],
      ['d', 'new-3'],
    ])
    expect(tasks(orders).map(({ args, parentId, rootId }) => [args, parentId, rootId])).toEqual(
      Array.from({ length: 4 }, () => [[7], 'run', 'run']),
    )
    expect(children.map(([[id]]) => id)).toEqual(['new-0', 'new-3'])
  })

  it('sends callbacks before the next step, which keeps what comes after it', () => {
    const chained = [c, b].map((one) => one.signature)
    const { orders } = afterSuccess(requestOf({ callbacks: [a.signature], chain: chained }, { rootId: 'root' }), 7, senderOf())
    expect(tasks(orders).map(({ task, embed, rootId }) => [task, embed.chain, rootId])).toEqual([
      ['a', undefined, 'root'],
      ['b', [c.signature], 'root'],
    ])
  })

  it('waits for all of a group before what comes after it, even where a chain was not built that way', () => {
    const cluster = new CanvasRun(({ task, args }) => [task, ...args])
    const request = requestOf({ chain: [withOptions(c.signature, { task_id: 'end' }), group(a, b).signature] })
    cluster.drain({ orders: afterSuccess(request, 7, cluster.sender()).orders, result: [['end', null], null], children: [] })
    expect(cluster.value([['end', null], null])).toEqual([
      'c',
      [
        ['a', 7],
        ['b', 7],
      ],
    ])
  })

  it('fails for a signature that cannot be read, and for a chord that nobody counts', () => {
    const refused = senderOf({ chords: 'refused' })
    expect(() => afterSuccess(requestOf({ callbacks: [{ args: [] }] }), 7, senderOf())).toThrow(ProtocolError)
    expect(() => afterSuccess(requestOf({ chain: [chord([a], b).signature] }), 7, refused)).toThrow(ConfigError)
    expect(() => apply(chain(a, chord([b], c)).signature, {}, refused)).toThrow(/redis:\/\//)
  })

  it('hands a priority on where the sender says so', () => {
    const sender = senderOf({ priority: 5 })
    const callbacks = [a.signature, b.set({ priority: 9 }).signature]
    expect(tasks(afterSuccess(requestOf({ callbacks }), 7, sender).orders).map(({ priority }) => priority)).toEqual([5, 9])
  })
})

describe('failure', () => {
  it('reaches the end of whatever was to follow, nearest first', () => {
    const sender = senderOf()
    const [first] = tasks(apply(chain(a, b, chord([c], chain(c, d))).signature, {}, sender).orders)
    const { unreached, orders } = afterFailure(first!, noneNew, sender)
    const waiting = first!.embed.chain!.map((step) => step as Signature)
    const body = waiting[0]!.kwargs.body as Signature
    const ids = [waiting[1]!, ...(body.kwargs.tasks as readonly Signature[])].map(({ options }) => options.task_id)
    expect([unreached.map(({ id }) => id), orders]).toEqual([ids, []])
    expect(unreached.every(({ replyTo }) => replyTo === 'me')).toBe(true)
  })

  it('misses in the chord whose header the chain is in', () => {
    const sender = senderOf()
    const [first] = tasks(apply(chord([chain(a, group(b, c))], d).signature, {}, sender).orders)
    const { unreached } = afterFailure(first!, noneNew, sender)
    expect(unreached.map(({ group: id, groupIndex, chord: body }) => [id, groupIndex, body?.task])).toEqual([
      [expect.any(String), 0, 'd'],
      [expect.any(String), 1, 'd'],
    ])
  })

  it('passes over what cannot be read', () => {
    const embed = { chain: [{ strange: true }, withOptions(a.signature, { task_id: 'a-id' })], errbacks: [{}, b.signature] }
    const { unreached, orders } = afterFailure(requestOf(embed), noneNew, senderOf())
    expect([unreached.map(({ id }) => id), tasks(orders).map(({ task }) => task)]).toEqual([['a-id'], ['b']])
  })

  it('tells errbacks of the old style the id, all in one group, and those of the new style nothing by message', () => {
    const errbacks = [a, b, c.clone({ args: ['own'] })].map((one) => one.signature)
    const { local, orders } = afterFailure(requestOf({ errbacks }, { rootId: 'root' }), (name) => name === 'b', senderOf())
    expect(local.map(({ task }) => task)).toEqual(['b'])
    expect(
      tasks(orders).map(({ task, args, parentId, rootId, groupIndex }) => [task, args, parentId, rootId, groupIndex]),
    ).toEqual([
      ['a', ['run'], 'run', 'root', 0],
      ['c', ['run', 'own'], 'run', 'root', 1],
    ])
  })
})

describe('the end of a chord', () => {
  const boom = { exc_type: 'ValueError', exc_message: ['boom', 42], exc_module: 'builtins' }
  const members = [
    { id: 'x', state: 'SUCCESS', result: 1 },
    { id: 'y', state: 'SUCCESS', result: 2 },
    { id: 'z', state: 'SUCCESS', result: 3 },
  ]

  it('applies the body with the values, below the task that was the last', () => {
    const end = endChord({ body: a.signature, members }, requestOf({}, { rootId: 'root' }), noneNew, senderOf())
    const [body] = end.type === 'applied' ? tasks(end.orders) : []
    expect([body?.args, body?.parentId, body?.rootId]).toEqual([[[1, 2, 3]], 'run', 'root'])
  })

  it('nests the values as the header was, whatever order they came in', () => {
    const task = (id: string) => [[id, null], null] as const
    const nested = [
      ['g', null],
      [
        [
          ['h', null],
          [task('y'), task('z')],
        ],
        task('x'),
      ],
    ] as const
    expect(valuesOf({ members, nested })).toEqual([[2, 3], 1])
    expect(valuesOf({ members: members.slice(0, 2), nested })).toEqual([1, 2])
  })

  it.each(['FAILURE', 'REVOKED'])('is a failure of the body when a member ended as %s', (state) => {
    const failed = [members[0]!, { id: 'y', state, result: boom }, { id: 'z', state: 'FAILURE', result: null }]
    const body = withOptions(a.linkError(b).signature, {
      task_id: 'body-id',
      chain: [withOptions(c.signature, { task_id: 'c-id' })],
    })
    const end = endChord({ body, members: failed }, requestOf(), noneNew, senderOf())
    if (end.type !== 'failed') throw new Error('expected a failure')
    expect(end.exception.exc_message).toEqual(["Dependency y raised ValueError('boom', 42)"])
    expect(end.unreached.map(({ id }) => id)).toEqual(['body-id', 'c-id'])
    expect(tasks(end.orders).map(({ task, args, rootId }) => [task, args, rootId])).toEqual([['b', ['body-id'], 'body-id']])
  })

  it('is a failure, too, when the body cannot be read or applied', () => {
    const broken = endChord({ body: { task: 7 }, members }, requestOf(), noneNew, senderOf())
    const refused = endChord({ body: chord([a], b).signature, members }, requestOf(), noneNew, senderOf({ chords: 'refused' }))
    expect([broken, refused].map((end) => end.type === 'failed' && end.exception.exc_message[0].slice(0, 30))).toEqual([
      'Callback error: [protocol inva',
      'Callback error: [unsupported] ',
    ])
  })

  it('tells the chord around it', () => {
    const cluster = new CanvasRun(({ task }) => (task === 'a' ? new Raised('boom') : task))
    const applied = apply(chord([chord([a, b], c), d], d).signature, {}, cluster.sender())
    cluster.drain(applied)
    expect(() => cluster.value(applied.result)).toThrow(
      expect.objectContaining({ exc_message: [expect.stringMatching(/^Dependency id-\d+ raised ChordError\(/)] }),
    )
  })

  it('tells the errbacks of the first task of a body that is a chain, or of a chord', () => {
    const body = chain(a.linkError(b), c)
    for (const one of [body, chord([d], body)]) {
      const frozen = apply(chord([d], one).signature, {}, senderOf()).orders
      const [member] = tasks(frozen)
      const end = endChord(
        { body: member!.embed.chord, members: [{ id: 'x', state: 'FAILURE', result: boom }] },
        member!,
        noneNew,
        senderOf(),
      )
      expect(end.type === 'failed' && tasks(end.orders).map(({ task }) => task)).toEqual(['b'])
    }
  })
})
