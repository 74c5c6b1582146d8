/** The task `celery.chord_unlock`: looks whether the header of a chord is done, where the result backend does not count (celery.md 13). */
import { ProtocolError, shown } from '@lovage/core'
import { revivePython } from '../wire/python-json.ts'
import { carriedResult } from '../wire/result-json.ts'
import type { ResultRecord, ResultTuple } from '../wire/result-record.ts'
import type { TaskRequest } from '../wire/task-message.ts'
import { carriedArguments } from './carried.ts'
import { type ChordEnd, endChord, failChord } from './chord-end.ts'
import type { IsNewStyle } from './errbacks.ts'
import type { CanvasSender } from './orders.ts'
import { leavesOf } from './result-tree.ts'

/** What it was asked. */
export interface ChordUnlock {
  readonly request: TaskRequest
  readonly group: string
  readonly body: unknown
  /** Milliseconds until it looks again; undefined leaves it to the settings (`result_chord_retry_interval`, 1 s). */
  readonly intervalMs: number | undefined
  /** Undefined is without a limit. */
  readonly retryLimit: number | undefined
  readonly header: readonly ResultTuple[]
  /** The tasks whose records are to be read. */
  readonly ids: readonly string[]
}

/** Not done yet: the task is retried after `intervalMs`; or how the chord ended, and the task with it. */
export type UnlockVerdict = { readonly type: 'wait' } | ChordEnd

const final = new Set(['SUCCESS', 'FAILURE', 'REVOKED'])

/** @throws {ProtocolError} PROTOCOL_INVALID */
export function parseUnlock(request: TaskRequest): ChordUnlock {
  const { args, kwargs } = carriedArguments(request)
  const [group = kwargs.group_id, body = kwargs.callback, interval = kwargs.interval, limit = kwargs.max_retries] = args
  const header = kwargs.result ?? args[4]
  if (typeof group !== 'string') throw unlike('the group of celery.chord_unlock', 'a text', group)
  if (!Array.isArray(header)) throw unlike('`result` of celery.chord_unlock', 'a list of results', header)
  const seconds = revivePython(interval)
  const results = header.map((one) => parseResult(one, 0))
  return {
    request,
    group,
    body,
    intervalMs: typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined,
    retryLimit: typeof limit === 'number' ? limit : undefined,
    header: results,
    ids: leavesOf(results),
  }
}

/** @param records one per id, in order */
export function unlockVerdict(
  unlock: ChordUnlock,
  records: readonly (ResultRecord | undefined)[],
  isNewStyle: IsNewStyle,
  sender: CanvasSender,
): UnlockVerdict {
  const { request, body, group, header, ids, retryLimit } = unlock
  const members = ids.map((id, index) => {
    const record = records[index]
    return { id, state: record?.status ?? 'PENDING', result: record === undefined ? undefined : carriedResult(record) }
  })
  if (members.every(({ state }) => final.has(state))) {
    return endChord({ body, members, nested: [[group, null], header] }, request, isNewStyle, sender)
  }
  if (retryLimit === undefined || request.retries < retryLimit) return { type: 'wait' }
  const text = `Header of ${group} was not done when it was looked at for the last time of ${retryLimit + 1}`
  return { type: 'failed', ...failChord(body, text, isNewStyle, sender) }
}

function parseResult(value: unknown, depth: number): ResultTuple {
  const [ids, children] = Array.isArray(value) && depth < 200 ? value : [undefined]
  const [id] = Array.isArray(ids) ? ids : [ids]
  if (typeof id !== 'string') throw unlike('a result of celery.chord_unlock', '[[id, parent], children]', value)
  return [[id, null], Array.isArray(children) ? children.map((child) => parseResult(child, depth + 1)) : null]
}

function unlike(thing: string, expected: string, value: unknown): ProtocolError {
  return new ProtocolError('PROTOCOL_INVALID', `expected ${thing} to be ${expected}, got: ${shown(value)}`)
}
