/** Building canvases: what Python builds from the same call, and what the compiler knows of it. */
import { defineTask, LovageError } from '@lovage/core'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { readFixture } from '../fixtures/captured.ts'
import { type Canvas, chain, chord, chunks, group, map, parseSignature, type Signature, signature, starmap } from './index.ts'
import { chainSignature } from './signature.ts'

const captured = readFixture('signatures') as readonly { readonly name: string; readonly json: Signature }[]
const add = (...args: readonly unknown[]) => signature('demo.add', { args })
const mul = (...args: readonly unknown[]) => signature('demo.mul', { args })
const tsum = signature('demo.tsum')

const built: Readonly<Record<string, Canvas>> = {
  task: add(1, 2),
  immutable: add(1, 2).immutable(),
  partial_kwargs: signature('demo.add', { y: 2 }),
  options: add(1, 2).set({
    queue: 'other',
    countdown: 5,
    priority: 3,
    expires: 60,
    time_limit: 9,
    soft_time_limit: 8,
    ignore_result: true,
    headers: { a: 'b' },
  }),
  link: add(1, 2).link(mul(3)),
  on_error: add(1, 2).linkError(signature('demo.errback_old')),
  chain: chain(add(1, 2), mul(3)),
  group: group(add(1, 1), add(2, 2)),
  chord: chord([add(1, 1), add(2, 2)], tsum),
  chain_ending_in_group: chain(add(1, 2), group(mul(1), mul(2))),
  group_then_task: chain(group(add(1, 1), add(2, 2)), tsum),
  chain_group_task_task: chain(add(1, 1), group(mul(2), mul(3)), tsum, add(100)),
  map: map('demo.echo', [1, 2]),
  starmap: starmap('demo.mul', [
    [1, 2],
    [3, 4],
  ]),
  chunks: chunks(
    'demo.mul',
    [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
    2,
  ),
  nested_group: group(group(add(1, 1), add(2, 2)), add(3, 3)),
  chord_in_chord: chord([chord([add(1, 1)], tsum), add(2, 2)], tsum),
}

describe('a canvas', () => {
  it.each(captured)('is what Python builds: $name', ({ name, json }) => {
    expect(JSON.parse(JSON.stringify(built[name]))).toEqual(parseSignature(json))
  })

  it('makes chords of groups with something behind them, and puts what follows a chord behind its body, as Python does', () => {
    const [one, two] = [group(add(1), add(2)), group(mul(3), mul(4))]
    expect(chain(one, two, tsum, add(5)).signature).toEqual(
      chainSignature([one.signature, chord(two, chain(tsum, add(5))).signature]),
    )
    expect(chain(one, tsum, two, tsum).signature).toEqual(chord(one, chain(tsum, chord(two, tsum))).signature)
    expect(chain(group(add(1)), group(), chain(mul(2), tsum)).signature).toEqual(chain(add(1), mul(2), tsum).signature)
  })

  it('never changes: what is asked of it is another', () => {
    const own = add(1)
    const before = JSON.stringify(own)
    own
      .clone({ args: [0], kwargs: { y: 1 } })
      .set({ queue: 'q' })
      .immutable()
      .link(tsum)
      .linkError(tsum)
      .stamp({ a: 1 })
    expect(JSON.stringify(own)).toBe(before)
    expect(own.clone({ args: [0], kwargs: { y: 1 } }).signature).toMatchObject({ args: [0, 1], kwargs: { y: 1 } })
    expect(own.set({ queue: 'q' }).set({ queue: undefined }).signature.options).toEqual({})
    expect(own.set({ eta: new Date(0) }).signature.options).toEqual({ eta: '1970-01-01T00:00:00.000Z' })
  })

  it('takes an object by name, any other value in front, and both when they are told apart', () => {
    const of = (input?: unknown) => {
      const { args, kwargs } = signature('t', input).signature
      return [args, kwargs]
    }
    expect(of()).toEqual([[], {}])
    expect(of({ x: 1 })).toEqual([[], { x: 1 }])
    expect(of([1, 2])).toEqual([[[1, 2]], {}])
    expect(of(null)).toEqual([[null], {}])
    expect(of({ args: [1], kwargs: { y: 2 } })).toEqual([[1], { y: 2 }])
    expect(of({ args: 'text' })).toEqual([[], { args: 'text' }])
  })

  it('takes members as a list, and canvases for what is called on each item', () => {
    expect(group([add(1), mul(2)]).signature).toEqual(group(add(1), mul(2)).signature)
    expect([map(tsum, [1]), starmap(tsum, [[1]]), chunks(tsum, [[1]], 1)].map((one) => one.signature)).toEqual(
      [map('demo.tsum', [1]), starmap('demo.tsum', [[1]]), chunks('demo.tsum', [[1]], 1)].map((one) => one.signature),
    )
  })

  it('closes the first step of a chain, the members of a group and the header of a chord', () => {
    expect(chain(add(), mul()).immutable().signature).toEqual(chain(add().immutable(), mul()).signature)
    expect(group(add(), mul()).immutable().signature).toEqual(group(add().immutable(), mul().immutable()).signature)
    expect(chord([add()], tsum).immutable().signature).toEqual(chord([add().immutable()], tsum).signature)
  })

  it('refuses what cannot be', () => {
    const codes = [() => signature(7 as never), () => chunks('t', [], 0), () => group(add()).link(tsum)].map((what) => {
      try {
        return what()
      } catch (error) {
        return LovageError.is(error) ? error.code : error
      }
    })
    expect(codes).toEqual(['DEFINITION_INVALID', 'OPTION_INVALID', 'OPTION_INVALID'])
  })

  it('knows what it comes to', () => {
    const length = defineTask({ name: 'length', run: ({ text }: { text: string }) => text.length })
    const shout = defineTask({ name: 'shout', run: ({ text }: { text: string }) => text.toUpperCase() })
    expectTypeOf(signature(length, { text: 'a' })).toEqualTypeOf<Canvas<number>>()
    expectTypeOf(signature<string>('elsewhere', 1)).toEqualTypeOf<Canvas<string>>()
    expectTypeOf(chain(signature(shout, { text: 'a' }), signature(length))).toEqualTypeOf<Canvas<number>>()
    expectTypeOf(group(signature(shout), signature(length))).toEqualTypeOf<Canvas<[string, number]>>()
    expectTypeOf(chord([signature(shout)], signature(length))).toEqualTypeOf<Canvas<number>>()
    expectTypeOf(chain(group(signature(shout), signature(length)), signature(shout))).toEqualTypeOf<Canvas<string>>()
    expectTypeOf(group([signature(length)])).toEqualTypeOf<Canvas<number[]>>()
    expectTypeOf(map(signature(length), [])).toEqualTypeOf<Canvas<number[]>>()
    expectTypeOf(map(length, [])).toEqualTypeOf<Canvas<number[]>>()
    // @ts-expect-error the task takes a text
    signature(length, { text: 7 })
  })
})
