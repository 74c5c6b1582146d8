/** Frozen canvases: what workers of Celery need to find in them so that every chord comes to its end. */
import { describe, expect, it } from 'vitest'
import { freeze } from './freeze.ts'
import { type Canvas, chain, chord, group, type Signature, signature } from './index.ts'
import type { CanvasSender } from './orders.ts'
import { apply } from './start.ts'

const [a, b, c] = ['a', 'b', 'c'].map((name) => signature(name)) as [Canvas, Canvas, Canvas]

function senderOf(): CanvasSender {
  let count = 0
  return { newId: () => `new-${count++}`, replyTo: 'me', now: 0, chords: 'counted' }
}

/** The last step of a chain in a header, as the message of its first step carries it, and the header's id. */
function lastStep(last: Canvas): { readonly step: Signature; readonly header: string | undefined } {
  const { orders } = apply(chord([chain(a, last)], c).signature, {}, senderOf())
  const [begin] = orders.filter((order) => order.type === 'begin-chord')
  const [first] = orders.filter((order) => order.type === 'task')
  return { step: first?.request.embed.chain?.[0] as Signature, header: begin?.group }
}

describe('a frozen canvas', () => {
  it('keeps the ids that it has', () => {
    const once = freeze(chain(a, chord([a, b], c)).signature, {}, senderOf())
    expect(freeze(once.signature, {}, senderOf())).toEqual(once)
  })

  it('has groups with ids of their own where their members belong to the chord around them', () => {
    const { step, header } = lastStep(group(a, b))
    const members = step.kwargs.tasks as readonly Signature[]
    expect(members.map(({ options }) => [options.group_id, options.group_index, (options.chord as Signature).task])).toEqual([
      [header, 0, 'c'],
      [header, 1, 'c'],
    ])
    expect(step.options.task_id).not.toBe(header)
    expect(step.options).not.toHaveProperty('group_index')
  })

  it('has chords in such groups inside a chain', () => {
    const { step } = lastStep(group(a, chord([b], b)))
    const [, member] = step.kwargs.tasks as readonly Signature[]
    expect([member?.task, (member?.kwargs.tasks as readonly Signature[] | undefined)?.[0]?.task]).toEqual([
      'celery.chain',
      'celery.chord',
    ])
  })

  it('has no chain of one in the place of a body', () => {
    const { signature: frozen } = freeze(chord([a], chain(group(a, b))).signature, {}, senderOf())
    expect((frozen.kwargs.body as Signature).task).toBe('celery.group')
  })

  it('counts parts in a header by the ends of its members', () => {
    const sizeOf = (...header: readonly Canvas[]) => {
      const { orders, result } = apply(chord(header, c).signature, {}, senderOf())
      const id = result[0][1]?.[0][0]
      return orders.flatMap((order) => (order.type === 'begin-chord' && order.group === id ? [order.size] : []))
    }
    const members = [a, chain(a, group(a, b)), chord([a, b], b), chain(a, chord([a], group(a, b, c))), group(a, group(b, c))]
    expect(members.map((member) => sizeOf(member))).toEqual([[1], [2], [1], [3], [3]])
    expect([sizeOf(...members), sizeOf(), sizeOf(group())]).toEqual([[10], [], []])
  })

  it('has a body that waits for nobody where no member ends in a task', () => {
    const { orders } = apply(chord([chord([a], group())], b).signature, {}, senderOf())
    expect(orders.map((order) => (order.type === 'task' ? [order.request.task, order.request.args] : order.size))).toEqual([
      1,
      ['a', []],
      ['b', [[]]],
    ])
  })

  it('has the id that was asked for at its end', () => {
    const end = (one: Parameters<typeof apply>[0]) => apply(one, { options: { task_id: 'end' } }, senderOf()).result[0][0]
    expect([a, chain(a, b), chord([a], b), chain(a, chord([a], chain(b, c)))].map((one) => end(one.signature))).toEqual(
      Array.from({ length: 4 }, () => 'end'),
    )
  })
})
