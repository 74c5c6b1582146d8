/** Flows and plans: what they send, and what their types refuse. */
import { defineTask, type TaskMessage } from '@lovage/core'
import fc from 'fast-check'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { createClient } from './client.ts'
import { type RecordingBroker, recordingBroker } from './fixtures/recording-broker.ts'
import { type FlowNode, type From, from, type NodeOptions } from './flow.ts'
import { chain, chord, group, type Plan, previous, step } from './plan.ts'

const measure = defineTask({ name: 'measure', run: (input: { file: string }) => input.file.length })
const add = defineTask({ name: 'add', input: z.number(), run: (n) => n + 1 })
const sum = defineTask({ name: 'sum', run: (sizes: number[]) => sizes.length })
const print = defineTask({ name: 'print', run: (_: string) => {} })
const tidy = defineTask({ name: 'tidy', run: () => {} })

function setUp() {
  const broker = recordingBroker()
  let id = 0
  return { broker, client: createClient(broker, { newId: () => `${++id}` }) }
}

/** One line per message: `id name <dependencies bind input`; a number binds so many. */
function sketch(broker: RecordingBroker): string[] {
  expect(broker.calls).toHaveLength(1)
  return (broker.calls[0] ?? []).map((message: TaskMessage) => {
    const { dependencies = [], bind, input } = message
    const tail = [
      ...dependencies.map((id) => `<${id}`),
      ...(bind === undefined ? [] : [typeof bind === 'object' ? bind.first : bind]),
      ...(input === undefined ? [] : [JSON.stringify(input)]),
    ]
    return [message.id, message.name, ...tail].join(' ')
  })
}

describe('a flow', () => {
  test('is one atomic call, dependencies before dependents, under one flow id', async () => {
    const { broker, client } = setUp()
    const flow = client.flow('report')
    const sizes = ['a', 'b'].map((file) => flow.add(measure, { file }))
    const total = flow.add(sum, from(sizes), { requires: 'all-resolved', onDependencyFailure: 'wait' })
    flow.add(tidy, undefined, { after: [total, 'sent-before'] })
    const sent = await flow.send()
    expect(sketch(broker)).toEqual([
      '1 measure {"file":"a"}',
      '2 measure {"file":"b"}',
      '3 sum <1 <2 all',
      '4 tidy <3 <sent-before',
    ])
    expect(broker.calls[0]?.map((message) => message.flow)).toEqual(Array(4).fill('report'))
    expect(broker.calls[0]?.[2]).toMatchObject({ requires: 'all-resolved', onDependencyFailure: 'wait' })
    expect(sent.handles.map((handle) => handle.id)).toEqual(['1', '2', '3', '4'])
    broker.known.set('3', { id: '3', state: 'completed', result: 2 })
    const result = sent.get(total).result()
    expectTypeOf(result).toEqualTypeOf<Promise<number>>()
    expect(await result).toBe(2)
    await sent.cancel('enough')
    expect(broker.cancelled).toEqual([[['1', '2', '3', '4'], 'enough']])
  })

  test('cancels what is its own, not a task that stands in because it holds a key', async () => {
    const { broker, client } = setUp()
    broker.keys.set('held', 'of another')
    const flow = client.flow()
    flow.add(tidy, undefined, { key: 'held' })
    const own = flow.add(tidy)
    const sent = await flow.send()
    expect(sent.handles.map(({ id }) => id)).toEqual(['of another', own.id])
    expect(await sent.cancel('enough')).toEqual([false, true])
    expect(broker.cancelled).toEqual([[[own.id], 'enough']])
  })

  test('refuses what is no option of a node, before anything is sent', () => {
    const flow = setUp().client.flow()
    expect(() => flow.add(tidy, undefined, { aftr: ['a'] } as NodeOptions)).toThrow(/option of a node .*did you mean `after`\?$/)
    expect(() => flow.add(tidy, undefined, { dependencies: ['a'] } as NodeOptions)).toThrow(/got: "dependencies"/)
  })

  test('takes a result of a task that was sent before', async () => {
    const { broker, client } = setUp()
    const flow = client.flow()
    flow.add(add, from(client.task<number>('earlier')))
    await flow.send()
    expect(sketch(broker)).toEqual(['2 add <earlier one'])
  })

  test('validates given inputs and sends nothing when one is wrong', async () => {
    const { broker, client } = setUp()
    const flow = client.flow()
    flow.add(add, 1)
    flow.add(add, 'one' as never)
    await expect(flow.send()).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    expect(broker.calls).toEqual([])
  })

  test('of nothing sends nothing', async () => {
    const { broker, client } = setUp()
    expect((await client.flow().send()).handles).toEqual([])
    expect(broker.calls).toEqual([])
  })

  test('makes the results of no tasks the empty list', async () => {
    const { broker, client } = setUp()
    const flow = client.flow()
    flow.add(sum, from([]), { after: ['x'] })
    await flow.send()
    expect(sketch(broker)).toEqual(['2 sum <x []'])
  })

  test('takes some results and only waits for others', async () => {
    const { broker, client } = setUp()
    const flow = client.flow()
    const [a, b, c] = ['a', 'b', 'c'].map((file) => flow.add(measure, { file })) as [FlowNode<number>, ...FlowNode<number>[]]
    flow.add(sum, from([a]), { after: [a, c as FlowNode, 'sent-before'] })
    flow.add(sum, from([a, b as FlowNode<number>]), { after: [a] })
    flow.add(add, from(a), { after: [b as FlowNode] })
    await flow.send()
    expect(sketch(broker).slice(3)).toEqual(['5 sum <2 <4 <sent-before 1', '6 sum <2 <3 all', '7 add <2 <3 one'])
  })

  test('refuses to take a result twice', () => {
    const { client } = setUp()
    const flow = client.flow()
    const a = flow.add(measure, { file: 'a' })
    expect(() => flow.add(sum, from([a, a]))).toThrow(/each task once/)
  })

  test('gives what arrives of a result after JSON', () => {
    const flow = setUp().client.flow()
    const now = defineTask({ name: 'now', run: () => new Date() })
    const day = defineTask({ name: 'day', run: (at: string) => at.slice(0, 10) })
    const clock = defineTask({ name: 'clock', run: (at: Date) => at.getTime() })
    expectTypeOf(from(flow.add(now))).toEqualTypeOf<From<string>>()
    flow.add(day, from(flow.add(now)))
    step(day)
    chain(step(now), step(day))
    // @ts-expect-error a Date arrives as a text
    flow.add(clock, from(flow.add(now)))
    // @ts-expect-error a Date arrives as a text
    chain(step(now), step(clock))
    const maybe = defineTask({ name: 'maybe', run: (n: number) => (n > 0 ? n : undefined) })
    const orNot = defineTask({ name: 'or-not', run: (n: number | undefined) => n ?? 0 })
    // A result that is null is no input to the handler that takes it, which sees undefined.
    flow.add(orNot, from(flow.add(maybe, 1)))
  })

  test('checks by types that a task accepts the results it takes', () => {
    const flow = setUp().client.flow()
    const size = flow.add(measure, { file: 'a' })
    expectTypeOf(size).toEqualTypeOf<FlowNode<number>>()
    expectTypeOf(from([size, flow.add('any')] as const)).toEqualTypeOf<
      ReturnType<typeof from<readonly [FlowNode<number>, FlowNode<unknown>]>>
    >()
    flow.add(add, from(size))
    flow.add(tidy)
    // @ts-expect-error print takes a text
    flow.add(print, from(size))
    // @ts-expect-error add takes one number
    flow.add(add, from([size]))
    // @ts-expect-error the input is missing
    flow.add(measure)
    // @ts-expect-error dependencies are named by `after`
    expect(() => flow.add(tidy, undefined, { dependencies: ['a'] })).toThrow('[option invalid]')
  })
})

describe('a plan', () => {
  test('chains: each step waits for the one before, and takes its result unless it has an input', async () => {
    const { broker, client } = setUp()
    await client.sendFlow(chain(step(measure, { file: 'a' }), step(add), step(add, 5), step(add, previous, { queue: 'q' })))
    expect(sketch(broker)).toEqual(['2 measure {"file":"a"}', '3 add <2 one', '4 add <3 5', '5 add <4 one'])
    expect(broker.calls[0]?.[3]?.queue).toBe('q')
  })

  test('chord: a group, then a step with all results', async () => {
    const { broker, client } = setUp()
    const files = ['a', 'b', 'c'].map((file) => step(measure, { file }))
    const sent = await client.sendFlow(chord(group(files), step(sum)))
    expect(sketch(broker).at(-1)).toBe('5 sum <2 <3 <4 all')
    broker.known.set('5', { id: '5', state: 'completed', result: 3 })
    expectTypeOf(sent.result()).toEqualTypeOf<Promise<number>>()
    expect(await sent.result({ timeout: '1s' })).toBe(3)
  })

  test('spreads one result over a group of chains', async () => {
    const { broker, client } = setUp()
    const inner = chain(step(add), step(add))
    await client.sendFlow(chain(step(measure, { file: 'a' }), group([inner, step(add), step(add, 1)]), step(sum)))
    expect(sketch(broker)).toEqual([
      '2 measure {"file":"a"}',
      '3 add <2 one',
      '4 add <3 one',
      '5 add <2 one',
      '6 add <2 1',
      '7 sum <4 <5 <6 all',
    ])
  })

  test('that ends in a group gives the array of results', async () => {
    const { broker, client } = setUp()
    const sent = await client.sendFlow(group([step(add, 1), step(measure, { file: 'ab' })]))
    broker.known.set('2', { id: '2', state: 'completed', result: 2 })
    broker.known.set('3', { id: '3', state: 'completed', result: 'x' })
    expectTypeOf(sent.result()).toEqualTypeOf<Promise<[number, number]>>()
    expect(await sent.result()).toEqual([2, 'x'])
  })

  test('goes on behind an empty group with the empty list, and still waits for what stood before it', async () => {
    const { broker, client } = setUp()
    const none: Plan<unknown, number, 'one'>[] = []
    await client.sendFlow(chain(step(tidy), group(none), step(sum)))
    expect(sketch(broker)).toEqual(['2 tidy', '3 sum <2 []'])
    expect(await (await client.sendFlow(group(none))).result()).toEqual([])
  })

  test('refuses a chain of nothing and a group in a group', () => {
    expect(() => (chain as () => unknown)()).toThrow(/one plan or more/)
    // @ts-expect-error a member ends in a group
    expect(() => group([group([step(add, 1)])])).toThrow(/end in one task/)
    // @ts-expect-error a member ends in a group
    expect(() => group([chain(step(tidy), group([step(add, 1)]))])).toThrow(/end in one task/)
  })

  test('checks by types that each step accepts what comes before it', async () => {
    const { client } = setUp()
    // @ts-expect-error print takes a text
    chain(step(measure, { file: 'a' }), step(print))
    // @ts-expect-error add takes one number
    chord(group([step(add, 1)]), step(add))
    // @ts-expect-error measure takes a file
    step(measure, { path: 'a' })
    // @ts-expect-error nothing comes before print
    await client.sendFlow(step(print))
    await client.sendFlow(step(tidy))
  })

  test('of any shape sends dependencies before dependents, each step once, and binds what it takes', async () => {
    type AnyPlan = Plan<unknown, unknown, 'one'>
    const { anyPlan } = fc.letrec<{ anyPlan: AnyPlan; leaf: AnyPlan; line: AnyPlan; fan: AnyPlan }>((tie) => ({
      leaf: fc.boolean().map((takes) => (takes ? step('leaf') : step('leaf', 1))),
      line: fc
        .array(tie('anyPlan'), { minLength: 1, maxLength: 3 })
        .map((plans) => (chain as (...all: AnyPlan[]) => AnyPlan)(...plans)),
      fan: fc.tuple(fc.array(tie('anyPlan'), { maxLength: 3 }), tie('leaf')).map(([plans, last]) => chord(group(plans), last)),
      anyPlan: fc.oneof({ maxDepth: 3 }, tie('leaf'), tie('line'), tie('fan')),
    }))
    await fc.assert(
      fc.asyncProperty(anyPlan, async (plan) => {
        const { broker, client } = setUp()
        await client.sendFlow(plan)
        const messages = broker.calls[0] ?? []
        const seen = new Set<string>()
        for (const { id, dependencies = [], bind, input } of messages) {
          expect(seen.has(id)).toBe(false)
          for (const dependency of dependencies) expect(seen).toContain(dependency)
          if (bind !== undefined) expect([input, dependencies.length > 0]).toEqual([undefined, true])
          if (bind === 'one') expect(dependencies).toHaveLength(1)
          seen.add(id)
        }
        expect(seen.size).toBeGreaterThan(0)
        // Nothing but the end of the plan is without a follower.
        const followed = new Set(messages.flatMap(({ dependencies = [] }) => dependencies))
        expect(messages.filter(({ id }) => !followed.has(id)).map(({ id }) => id)).toEqual([messages.at(-1)?.id])
      }),
    )
  })
})
