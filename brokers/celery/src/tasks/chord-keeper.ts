/** Chords whose header's tasks run here: reports their parts, and ends a chord when its last part is in. */
import { type ChordFailure, endChord } from '../canvas/chord-end.ts'
import type { CanvasSender } from '../canvas/orders.ts'
import type { Unreached } from '../canvas/unreached.ts'
import type { Member } from '../member.ts'
import type { ResultEntry } from '../result-backend.ts'
import type { ResultTuple } from '../wire/result-record.ts'
import type { TaskRequest } from '../wire/task-message.ts'
import type { TaskSender } from './task-sender.ts'

/** The end of a member of a chord: its state with the value or the exception. */
export interface MemberEnd {
  readonly state: 'SUCCESS' | 'FAILURE' | 'REVOKED'
  readonly result: unknown
}

/** What a task of a chord's header says of its chord. */
type Membership = Pick<TaskRequest, 'id' | 'group' | 'groupIndex'> & {
  readonly chord: Readonly<Record<string, unknown>> | undefined
}

/** No task of Lovage's takes a request, an exception and a traceback, so every errback is sent. */
export const neverNewStyle = () => false

export class ChordKeeper {
  readonly #member: Member
  readonly #sender: TaskSender

  constructor(member: Member, sender: TaskSender) {
    this.#member = member
    this.#sender = sender
  }

  /** Who counts the headers of chords that are started here. */
  get counting(): CanvasSender['chords'] {
    const { results } = this.#member
    if (results === undefined || results.kind === 'rpc') return 'refused'
    return results.chords === undefined ? 'unlock' : 'counted'
  }

  /** Reports the part of a task that has ended; nothing where it is in no chord, or others count. Answers what its end has sent. */
  async report(request: TaskRequest, end: MemberEnd, sender: CanvasSender): Promise<readonly ResultTuple[]> {
    return this.#report({ ...request, chord: request.embed.chord }, end, request, sender)
  }

  /** The same for tasks that will never run, since one before them failed. */
  async reportUnreached(steps: readonly Unreached[], end: MemberEnd, finisher: TaskRequest, sender: CanvasSender): Promise<void> {
    for (const step of steps) await this.#report(step, end, finisher, sender)
  }

  /** Stores that a chord will never be, and tells whoever wants to hear of it. */
  async fail(failure: ChordFailure, finisher: TaskRequest, sender: CanvasSender): Promise<void> {
    const { exception, unreached, orders } = failure
    await this.#member.results?.store(
      unreachedEntries(unreached, { status: 'FAILURE', result: exception }, this.#member.clock.now()),
    )
    await this.reportUnreached(unreached, { state: 'FAILURE', result: exception }, finisher, sender)
    await this.#sender.carryOut(orders)
  }

  async #report(
    member: Membership,
    end: MemberEnd,
    finisher: TaskRequest,
    sender: CanvasSender,
  ): Promise<readonly ResultTuple[]> {
    const chords = this.#member.results?.chords
    const { id, group, groupIndex, chord } = member
    if (chords === undefined || chord === undefined || group === undefined) return []
    const members = await chords.report({ group, index: groupIndex, id, ...end })
    if (members === undefined) return []
    const nested = await chords.nested(group)
    const ended = endChord({ body: chord, members, nested }, finisher, neverNewStyle, sender)
    if (ended.type === 'failed') {
      // As in Celery what was counted is left to expire.
      await this.fail(ended, finisher, sender)
      return []
    }
    await this.#sender.carryOut(ended.orders)
    await chords.end(group)
    return ended.children
  }
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
