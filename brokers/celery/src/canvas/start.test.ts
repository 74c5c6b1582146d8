/** Any canvas, run to its end by messages alone, gives what it gives when it is evaluated directly. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CanvasRun, Raised } from '../fixtures/canvas-run.ts'
import type { TaskRequest } from '../wire/task-message.ts'
import type { CanvasSender } from './orders.ts'
import {
  chainSignature,
  chordSignature,
  groupSignature,
  isChain,
  isChord,
  isGroup,
  plainSignature,
  type Signature,
} from './signature.ts'
import { apply } from './start.ts'

/** A canvas with a name of its own for every task, so that a value tells which ran with what. */
const canvases = fc.letrec<{ node: Signature; task: Signature; chain: Signature; group: Signature; chord: Signature }>((tie) => ({
  node: fc.oneof({ maxDepth: 4, withCrossShrink: true }, tie('task'), tie('chain'), tie('group'), tie('chord')),
  task: fc
    .record({ args: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 2 }), immutable: fc.boolean() })
    .map((parts) => plainSignature('t', parts)),
  chain: fc
    .tuple(fc.array(fc.oneof(tie('node'), fc.constant(groupSignature([])))), tie('node'))
    .map(([before, last]) => chainSignature([...before.slice(0, 3), last])),
  group: fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((tasks) => groupSignature(tasks)),
  chord: fc
    .tuple(fc.array(tie('node'), { maxLength: 3 }), tie('node'))
    .map(([header, body]) => chordSignature(groupSignature(header), body)),
})).node

/** Every task of a canvas gets another name. */
function named(canvas: Signature): Signature {
  let count = 0
  const rename = (signature: Signature): Signature => {
    if (isChain(signature)) return chainSignature(signature.kwargs.tasks.map(rename))
    if (isGroup(signature)) return groupSignature(signature.kwargs.tasks.map(rename))
    if (isChord(signature)) {
      const header = groupSignature(signature.kwargs.header.kwargs.tasks.map(rename))
      return chordSignature(header, rename(signature.kwargs.body))
    }
    return { ...signature, task: `t${count++}` }
  }
  return rename(canvas)
}

/** What a canvas comes to, by definition. Throws when it fails. */
class Evaluation {
  readonly ran: string[] = []
  readonly #fails: (name: string) => boolean
  constructor(fails: (name: string) => boolean = () => false) {
    this.#fails = fails
  }

  value(signature: Signature, given: readonly unknown[]): unknown {
    if (isChain(signature)) return this.#chain(steps(signature.kwargs.tasks), given)
    if (isGroup(signature)) return this.#members(flattened(signature.kwargs.tasks), given)
    if (isChord(signature)) {
      const values = this.#members(reversing(signature.kwargs.header.kwargs.tasks), given)
      return this.#framed(signature.kwargs.body, [values])
    }
    this.ran.push(signature.task)
    if (this.#fails(signature.task)) throw new Error(signature.task)
    return [signature.task, ...(signature.immutable ? [] : given), ...signature.args]
  }

  /** Inside chains and chords, where what was frozen has nested groups in another order. */
  #framed(signature: Signature, given: readonly unknown[]): unknown {
    return isGroup(signature) ? this.#members(reversing(signature.kwargs.tasks), given) : this.value(signature, given)
  }

  #chain(tasks: readonly Signature[], given: readonly unknown[]): unknown {
    let [args, value]: [readonly unknown[], unknown] = [given, undefined]
    for (const task of tasks) {
      value = this.#framed(task, args)
      args = [value]
    }
    return value
  }

  /** All of them run, whoever fails. */
  #members(members: readonly Signature[], given: readonly unknown[]): readonly unknown[] {
    const values = members.map((member) => {
      try {
        return { value: this.#framed(member, given) }
      } catch (error) {
        return { error }
      }
    })
    return values.map(({ value, error }) => {
      if (error !== undefined) throw error
      return value
    })
  }
}

function steps(tasks: readonly Signature[]): readonly Signature[] {
  const flat: readonly Signature[] = tasks.map(only).flatMap((task) => (isChain(task) ? steps(task.kwargs.tasks) : [task]))
  return flat.filter((task) => !(isGroup(task) && task.kwargs.tasks.length === 0))
}

function only(signature: Signature): Signature {
  const [first, ...more] = isGroup(signature) ? signature.kwargs.tasks : []
  return first === undefined || more.length > 0 ? signature : only(first)
}

function flattened(tasks: readonly Signature[]): readonly Signature[] {
  return tasks.flatMap((task) => (isGroup(task) ? flattened(task.kwargs.tasks) : [task]))
}

/** Celery's order: the members of a nested group are put one by one in front of what is left. */
function reversing(tasks: readonly Signature[]): readonly Signature[] {
  return tasks.flatMap((task) => (isGroup(task) ? reversing(task.kwargs.tasks.toReversed()) : [task]))
}

const answer = ({ task, args }: TaskRequest) => [task, ...args]

function run(
  canvas: Signature,
  mode: CanvasSender['chords'],
  picks: readonly number[],
  fails: (name: string) => boolean = () => false,
) {
  let at = 0
  const handler = (request: TaskRequest) => (fails(request.task) ? new Raised(request.task) : answer(request))
  const cluster = new CanvasRun(handler, mode, () => picks[at++ % picks.length] ?? 0)
  const applied = apply(canvas, {}, cluster.sender())
  return { cluster: cluster.drain(applied), result: applied.result }
}

const modes = fc.constantFrom('counted', 'unlock')
const orders = fc.array(fc.nat({ max: 20 }), { minLength: 1 })

describe('a canvas of any shape', () => {
  it('comes to what it comes to when it is evaluated directly', () => {
    fc.assert(
      fc.property(canvases.map(named), modes, orders, (canvas, mode, picks) => {
        const { cluster, result } = run(canvas, mode, picks)
        const direct = new Evaluation()
        expect(evaluated(canvas, direct)).toEqual(cluster.value(result))
        expect(cluster.ran.map(({ task }) => task).sort()).toEqual(direct.ran.sort())
      }),
      { numRuns: 300 },
    )
  })

  it('sends no id twice and ends every chord exactly once', () => {
    fc.assert(
      fc.property(canvases.map(named), modes, orders, (canvas, mode, picks) => {
        const { cluster } = run(canvas, mode, picks)
        const ids = cluster.ran.map(({ id }) => id)
        expect(new Set(ids).size).toBe(ids.length)
        expect(new Set(cluster.ended).size).toBe(cluster.ended.length)
        for (const [group, { size, parts }] of cluster.chords) expect([group, parts.size]).toEqual([group, size])
        if (mode === 'counted') expect(cluster.ended.sort()).toEqual([...cluster.chords.keys()].sort())
      }),
      { numRuns: 300 },
    )
  })

  it('tells whoever waits of a failure, wherever it happened', () => {
    fc.assert(
      fc.property(canvases.map(named), modes, orders, fc.nat({ max: 12 }), (canvas, mode, picks, failing) => {
        const fails = (name: string) => name === `t${failing}`
        const { cluster, result } = run(canvas, mode, picks, fails)
        const direct = new Evaluation(fails)
        expect(outcome(() => evaluated(canvas, direct))).toEqual(outcome(() => cluster.value(result)))
        expect(cluster.ran.map(({ task }) => task).sort()).toEqual(direct.ran.sort())
      }),
      { numRuns: 300 },
    )
  })
})

/** As in Celery a group of one whose result is a group has that result. */
function evaluated(canvas: Signature, evaluation: Evaluation): unknown {
  const [member, ...more] = isGroup(canvas) ? flattened(canvas.kwargs.tasks) : []
  const value = evaluation.value(canvas, [])
  return member !== undefined && more.length === 0 && comesToGroup(member) ? (value as readonly unknown[])[0] : value
}

function comesToGroup(signature: Signature): boolean {
  if (isChord(signature)) return comesToGroup(signature.kwargs.body)
  const last = isChain(signature) ? steps(signature.kwargs.tasks).at(-1) : undefined
  return last === undefined ? isGroup(signature) : comesToGroup(last)
}

function outcome(what: () => unknown): unknown {
  try {
    return what()
  } catch {
    return 'failed'
  }
}
