/** Plans: flows without node names, put together from steps by `chain`, `group` and `chord`. */
import { ConfigError, type TaskDefinition } from '@lovage/core'
import { type Flow, type FlowNode, from, type NodeOptions } from './flow.ts'

/** The input of a step that takes the result of what comes before it. */
export const previous: unique symbol = Symbol.for('lovage.previous')
export type Previous = typeof previous

/**
 * Part of a flow that takes what comes before it and gives a result. `Ends` tells whether one task gives it (`one`), or
 * several, whose results are an array (`many`).
 */
export interface Plan<in Takes = never, out Gives = unknown, out Ends extends 'one' | 'many' = 'one' | 'many'> {
  readonly kind: 'step' | 'chain' | 'group'
  /** Types only; never present at run time. */
  readonly '~types'?: { readonly takes: (input: Takes) => void; readonly gives: Gives; readonly ends: Ends }
}

/** One task of a plan. */
export interface Step<in Takes = never, out Gives = unknown> extends Plan<Takes, Gives, 'one'> {
  readonly kind: 'step'
  readonly task: TaskDefinition<never, unknown> | string
  readonly input: unknown
  readonly options: NodeOptions | undefined
}

interface Parts extends Plan {
  readonly kind: 'chain' | 'group'
  readonly parts: readonly Plan[]
}

/**
 * Makes one task of a plan. Without an input (or with `previous`) it takes the result of what comes before it; with an
 * input it only waits for it.
 */
export function step<Sent, Output>(definition: TaskDefinition<Sent, Output>): Step<Sent, Output>
export function step<Sent, Output>(
  definition: TaskDefinition<Sent, Output>,
  input: Previous,
  options?: NodeOptions,
): Step<Sent, Output>
export function step<Sent, Output>(
  definition: TaskDefinition<Sent, Output>,
  input: NoInfer<Sent>,
  options?: NodeOptions,
): Step<unknown, Output>
export function step<Output = unknown>(name: string, input?: unknown, options?: NodeOptions): Step<unknown, Output>
export function step(task: TaskDefinition | string, input: unknown = previous, options?: NodeOptions): Step<unknown> {
  return { kind: 'step', task: task as Step['task'], input, options }
}

/**
 * Puts plans one behind the other: each waits for the one before it and may take its result. For more than six, put a
 * chain into a chain.
 */
export function chain<A, B, E1 extends 'one' | 'many'>(...plans: [Plan<A, B, E1>]): Plan<A, B, E1>
export function chain<A, B, C, E extends 'one' | 'many'>(...plans: [Plan<A, B>, Plan<B, C, E>]): Plan<A, C, E>
export function chain<A, B, C, D, E extends 'one' | 'many'>(...plans: [Plan<A, B>, Plan<B, C>, Plan<C, D, E>]): Plan<A, D, E>
export function chain<A, B, C, D, F, E extends 'one' | 'many'>(
  ...plans: [Plan<A, B>, Plan<B, C>, Plan<C, D>, Plan<D, F, E>]
): Plan<A, F, E>
export function chain<A, B, C, D, F, G, E extends 'one' | 'many'>(
  ...plans: [Plan<A, B>, Plan<B, C>, Plan<C, D>, Plan<D, F>, Plan<F, G, E>]
): Plan<A, G, E>
export function chain<A, B, C, D, F, G, H, E extends 'one' | 'many'>(
  ...plans: [Plan<A, B>, Plan<B, C>, Plan<C, D>, Plan<D, F>, Plan<F, G>, Plan<G, H, E>]
): Plan<A, H, E>
export function chain(...plans: readonly Plan[]): Plan {
  if (plans.length > 0) return { kind: 'chain', parts: plans } as Parts
  throw new ConfigError('OPTION_INVALID', 'expected `chain` to get one plan or more, got none')
}

/** Runs plans side by side: each gets what comes before the group. Gives the array of their results, in order. */
export function group<Takes, const Plans extends readonly Plan<Takes, unknown, 'one'>[]>(
  plans: Plans & readonly Plan<Takes, unknown, 'one'>[],
): Plan<Takes, GivesOf<Plans>, 'many'> {
  const nested = plans.find(endsInMany)
  if (nested === undefined) return { kind: 'group', parts: plans } as Parts as Plan<Takes, GivesOf<Plans>, 'many'>
  throw new ConfigError('OPTION_INVALID', 'expected each plan of a `group` to end in one task, got one that ends in a group')
}

type GivesOf<Plans> = { -readonly [Index in keyof Plans]: Plans[Index] extends Plan<never, infer Gives> ? Gives : never }

/** Runs a group, then a step that takes the array of its results. */
export function chord<Takes, Results, Gives>(
  members: Plan<Takes, Results, 'many'>,
  last: Plan<Results, Gives, 'one'>,
): Plan<Takes, Gives, 'one'> {
  return chain(members, last)
}

function endsInMany(plan: Plan): boolean {
  if (plan.kind === 'group') return true
  const last = plan.kind === 'chain' ? (plan as Parts).parts.at(-1) : undefined
  return last !== undefined && endsInMany(last)
}

/** What the plan behind it can take from, and what it must wait for besides. @internal */
export interface PlanEnd {
  readonly ends: 'none' | 'one' | 'many'
  readonly nodes: readonly FlowNode[]
  /** Waited for without taking a result: what stood before an empty group. */
  readonly after: readonly FlowNode[]
}

const start: PlanEnd = { ends: 'none', nodes: [], after: [] }

/** Adds a plan's tasks to a flow, dependencies first. Answers where it ends. @internal */
export function addPlan(flow: Flow, plan: Plan, before: PlanEnd = start): PlanEnd {
  switch (plan.kind) {
    case 'step':
      return addStep(flow, plan as Step, before)
    case 'chain':
      return (plan as Parts).parts.reduce((end, part) => addPlan(flow, part, end), before)
    case 'group': {
      const nodes = (plan as Parts).parts.flatMap((part) => addPlan(flow, part, before).nodes)
      return { ends: 'many', nodes, after: nodes.length === 0 ? [...before.nodes, ...before.after] : [] }
    }
  }
}

function addStep(flow: Flow, { task, input, options }: Step, before: PlanEnd): PlanEnd {
  const takes = input === previous
  const after = [...(takes ? before.after : [...before.nodes, ...before.after]), ...(options?.after ?? [])]
  const taken = takes ? inputFrom(before) : input
  const node = flow.add(task as string, taken, { ...options, ...(after.length === 0 ? {} : { after }) })
  return { ends: 'one', nodes: [node], after: [] }
}

function inputFrom({ ends, nodes }: PlanEnd): unknown {
  const [first] = nodes
  if (ends === 'many') return from(nodes)
  return first === undefined ? undefined : from(first)
}
