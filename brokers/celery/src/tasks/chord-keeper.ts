/** Chords whose header's tasks run here: reports their parts, and ends a chord when its last part is in. */
import { type ChordEnd, type ChordFailure, endChord, failChord } from '../canvas/chord-end.ts'
import type { IsNewStyle } from '../canvas/errbacks.ts'
import type { CanvasSender } from '../canvas/orders.ts'
import { isRecord } from '../canvas/signature.ts'
import type { Unreached } from '../canvas/unreached.ts'
import type { Member } from '../member.ts'
import type { ResultEntry } from '../result-backend.ts'
import type { ResultTuple } from '../wire/result-record.ts'
import type { TaskRequest } from '../wire/task-message.ts'
import type { CeleryDelivery } from './celery-delivery.ts'
import type { Errbacks, FailedTask } from './errbacks.ts'
import { isFinal } from './final-error.ts'
import type { TaskSender } from './task-sender.ts'

/** The end of a member of a chord: its state with the value or the exception. */
export interface MemberEnd {
  readonly state: 'SUCCESS' | 'FAILURE' | 'REVOKED'
  readonly result: unknown
}

/** The task that ends; its steps keep what is tried again from being done twice. */
export type Finisher = Pick<CeleryDelivery, 'request' | 'steps'>

/** What a task of a chord's header says of its chord. */
type Membership = Pick<TaskRequest, 'id' | 'group' | 'groupIndex'> & {
  readonly chord: Readonly<Record<string, unknown>> | undefined
}

export class ChordKeeper {
  readonly #member: Member
  readonly #sender: TaskSender
  readonly #errbacks: Errbacks | undefined

  /** @param errbacks not needed where no task ends */
  constructor(member: Member, sender: TaskSender, errbacks?: Errbacks) {
    this.#member = member
    this.#sender = sender
    this.#errbacks = errbacks
  }

  /** Which errbacks are called in this process. */
  readonly isNewStyle: IsNewStyle = (name) => this.#errbacks?.isNewStyle(name) ?? false

  /** Who counts the headers of chords that are started here. */
  get counting(): CanvasSender['chords'] {
    const { results } = this.#member
    if (results === undefined || results.kind === 'rpc') return 'refused'
    return results.chords === undefined ? 'unlock' : 'counted'
  }

  /** Reports the part of a task that has ended; nothing where it is in no chord, or others count. Answers what its end has sent. */
  async report(finisher: Finisher, end: MemberEnd, sender: CanvasSender): Promise<readonly ResultTuple[]> {
    const { request } = finisher
    return this.#count({ ...request, chord: request.embed.chord }, end, finisher, sender)
  }

  /** The same for tasks that will never run, since one before them failed. */
  async reportUnreached(steps: readonly Unreached[], end: MemberEnd, finisher: Finisher, sender: CanvasSender): Promise<void> {
    for (const step of steps) await this.#count(step, end, finisher, sender)
  }

  /** Sends the body; where there will be none, says so to everybody. Answers what was sent, undefined if nothing. */
  async conclude(
    end: ChordEnd,
    body: unknown,
    finisher: Finisher,
    sender: CanvasSender,
  ): Promise<readonly ResultTuple[] | undefined> {
    if (end.type === 'failed') return this.#fail(end, body, finisher, sender)
    try {
      await this.#sender.carryOut(end.orders)
      return end.children
    } catch (error) {
      if (!isFinal(error)) throw error
      return this.#fail(this.#callbackError(body, error, sender), body, finisher, sender)
    }
  }

  /** Stores that a chord will never be, and tells whoever wants to hear of it. */
  async #fail(failure: ChordFailure, body: unknown, finisher: Finisher, sender: CanvasSender): Promise<undefined> {
    const { exception, unreached } = failure
    await this.#member.results?.store(
      unreachedEntries(unreached, { status: 'FAILURE', result: exception }, this.#member.clock.now()),
    )
    await this.reportUnreached(unreached, { state: 'FAILURE', result: exception }, finisher, sender)
    await this.#errbacks?.tell(
      failure,
      { request: requestOfBody(body, unreached[0]?.id ?? ''), exception },
      sender,
      finisher.steps,
    )
  }

  /** In Celery's words. */
  #callbackError(body: unknown, error: Error, sender: CanvasSender): ChordFailure {
    return failChord(body, `Callback error: ${error.message}`, this.isNewStyle, sender)
  }

  async #count(
    member: Membership,
    partEnd: MemberEnd,
    finisher: Finisher,
    sender: CanvasSender,
  ): Promise<readonly ResultTuple[]> {
    const chords = this.#member.results?.chords
    const { id, group, groupIndex, chord } = member
    if (chords === undefined || chord === undefined || group === undefined) return []
    let ended: ChordEnd
    try {
      const members = await chords.report({ group, index: groupIndex, id, ...partEnd })
      if (members === undefined) return []
      const nested = await chords.nested(group)
      const end = (): ChordEnd => endChord({ body: chord, members, nested }, finisher.request, this.isNewStyle, sender)
      // What is sent again, where it could not all be sent, has the ids that it had.
      ended = await finisher.steps.once(`chord ${group}: end`, end)
    } catch (error) {
      // What was counted cannot be read, and never can be.
      if (!isFinal(error)) throw error
      ended = { type: 'failed', ...this.#callbackError(chord, error, sender) }
    }
    const children = await finisher.steps.once(`chord ${group}`, () => this.conclude(ended, chord, finisher, sender))
    // As in Celery what was counted of one that failed is left to expire.
    if (children !== undefined) await chords.end(group)
    return children ?? []
  }
}

/** What an errback hears of a body that never ran. */
function requestOfBody(body: unknown, id: string): FailedTask['request'] {
  const { task, args, kwargs, options } = isRecord(body) ? body : {}
  return { id, task, args, kwargs, retries: 0, root_id: isRecord(options) ? options.root_id : undefined }
}

/** The entries of tasks that never run. */
export function unreachedEntries(
  steps: readonly Unreached[],
  state: { readonly status: string; readonly result: unknown; readonly traceback?: string | undefined },
  now: number,
): readonly ResultEntry[] {
  return steps.map(({ id, replyTo, group }) => ({
    record: { taskId: id, ...state, children: [], doneAtMs: now, groupId: group },
    replyTo,
    correlationId: id,
  }))
}
