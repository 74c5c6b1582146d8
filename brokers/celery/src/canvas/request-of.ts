/** The task message of a signature: which option goes where (celery.md 10). */

import { parseIsoTime } from '../wire/iso-time.ts'
import { revivePython } from '../wire/python-json.ts'
import type { Embed, TaskRequest } from '../wire/task-message.ts'
import { stampNames } from './merge.ts'
import type { CanvasSender, Routing, TaskOrder } from './orders.ts'
import { isRecord, listOption, type Signature, type SignatureOptions, textOption } from './signature.ts'

/** The order to send a signature of one task, given its id. */
export function taskOrder(signature: Signature, id: string, sender: CanvasSender): TaskOrder {
  return { type: 'task', request: requestOf(signature, id, sender), routing: routingOf(signature) }
}

function requestOf(signature: Signature, id: string, sender: CanvasSender): TaskRequest {
  const { options, args, kwargs, task } = signature
  const { parent } = sender
  const stamps = stampNames(options)
  return {
    id,
    task,
    args,
    kwargs,
    embed: embedOf(options),
    rootId: textOption(options, 'root_id') ?? parent?.rootId ?? parent?.id ?? id,
    parentId: textOption(options, 'parent_id') ?? parent?.id,
    group: textOption(options, 'group_id'),
    groupIndex: numberOption(options, 'group_index'),
    retries: numberOption(options, 'retries') ?? 0,
    etaMs: etaOf(options, sender.now),
    expiresMs: fromNow(numberOption(options, 'expires'), sender.now) ?? timeOption(options, 'expires'),
    hardLimitMs: fromNow(numberOption(options, 'time_limit'), 0),
    softLimitMs: fromNow(numberOption(options, 'soft_time_limit'), 0),
    argsRepr: textOption(options, 'argsrepr'),
    kwargsRepr: textOption(options, 'kwargsrepr'),
    origin: sender.origin,
    shadow: textOption(options, 'shadow'),
    ignoreResult: typeof options.ignore_result === 'boolean' ? options.ignore_result : undefined,
    replacedTaskNesting: numberOption(options, 'replaced_task_nesting'),
    stampedHeaders: stamps.length === 0 ? undefined : stamps,
    stamps: stamps.length === 0 ? undefined : Object.fromEntries(stamps.map((name) => [name, options[name] ?? null])),
    headers: isRecord(options.headers) ? options.headers : {},
    replyTo: textOption(options, 'reply_to') ?? sender.replyTo,
    correlationId: id,
    priority: numberOption(options, 'priority') ?? sender.priority,
  }
}

function embedOf(options: SignatureOptions): Embed {
  return {
    callbacks: signaturesIn(options, 'link'),
    errbacks: signaturesIn(options, 'link_error'),
    chain: signaturesIn(options, 'chain'),
    chord: isRecord(options.chord) ? options.chord : undefined,
  }
}

function signaturesIn(options: SignatureOptions, name: string): Embed['callbacks'] {
  if (options[name] === undefined || options[name] === null) return undefined
  return listOption(options, name).filter(isRecord)
}

function routingOf({ task, kwargs, options }: Signature): Routing {
  const isMap = task === 'celery.map' || task === 'celery.starmap'
  const inner = isMap && isRecord(kwargs.task) ? kwargs.task.task : undefined
  const mode = options.delivery_mode
  return {
    queue: textOption(options, 'queue'),
    exchange: textOption(options, 'exchange'),
    routingKey: textOption(options, 'routing_key'),
    name: typeof inner === 'string' ? inner : task,
    serializer: textOption(options, 'serializer'),
    compression: textOption(options, 'compression'),
    deliveryMode: mode === 1 || mode === 'transient' ? 1 : mode === 2 || mode === 'persistent' ? 2 : undefined,
  }
}

function etaOf(options: SignatureOptions, now: number): number | undefined {
  const countdown = numberOption(options, 'countdown')
  // As in Python a countdown of 0 says nothing.
  return countdown === undefined || countdown === 0 ? timeOption(options, 'eta') : fromNow(countdown, now)
}

function fromNow(seconds: number | undefined, now: number): number | undefined {
  return seconds === undefined ? undefined : now + seconds * 1000
}

/** A text, or since kombu 5.3 an object that says it is a datetime. */
function timeOption(options: SignatureOptions, name: string): number | undefined {
  const value = options[name]
  if (value instanceof Date) return value.getTime()
  const text = isRecord(value) && value.__type__ === 'datetime' ? value.__value__ : value
  return typeof text === 'string' ? parseIsoTime(text) : undefined
}

function numberOption(options: SignatureOptions, name: string): number | undefined {
  const value = revivePython(options[name])
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
