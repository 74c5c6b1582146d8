/** Events in Celery's words and in Lovage's. */
import { constants } from 'node:os'
import type { WorkerEvent } from '@lovage/core'
import type { HeldTask, HeldTasks } from '../tasks/held-tasks.ts'
import { type EventMessage, utcOffsetHours } from '../wire/event-message.ts'
import { writeIsoTime } from '../wire/iso-time.ts'
import { exceptionRepr } from '../wire/python-exception.ts'
import { pythonRepr, tupleRepr } from '../wire/python-repr.ts'
import { tracebackOf } from '../wire/python-traceback.ts'

type Fields = Readonly<Record<string, unknown>>

/** Types of Lovage that Celery's monitors would take for states of a task. */
const typesToWire: Readonly<Record<string, string>> = {
  'task-log': 'lovage-log',
  'task-released': 'task-rejected',
  'task-rejected': 'task-failed',
}

/** What an event says on the wire; of a task that is in hand also what only its message says. */
export function eventToWire(event: WorkerEvent, held: HeldTasks): EventMessage {
  const { type, at, worker, pid, clock, id, ...fields } = event
  const task = typeof id === 'string' ? held.get(id) : undefined
  // Those of workers have ids of something else.
  const subject = id === undefined ? {} : type.startsWith('worker-') ? { id } : { uuid: id }
  return {
    type: typesToWire[type] ?? type,
    hostname: worker,
    timestampMs: at,
    utcOffset: utcOffsetHours(new Date(at).getTimezoneOffset()),
    pid: typeof pid === 'number' ? pid : undefined,
    clock: typeof clock === 'number' ? clock : undefined,
    fields: { ...subject, ...fieldsToWire(type, fields, task) },
  }
}

/** @param now for events that do not say when they happened, epoch milliseconds */
export function eventFromWire(
  { type, hostname, timestampMs, pid, clock, utcOffset, fields }: EventMessage,
  now: number,
): WorkerEvent {
  const { uuid, ...rest } = fields
  return {
    ...rest,
    ...(uuid === undefined ? {} : { id: uuid }),
    ...(pid === undefined ? {} : { pid }),
    ...(clock === undefined ? {} : { clock }),
    ...(utcOffset === undefined ? {} : { utcoffset: utcOffset }),
    type: type === 'lovage-log' ? 'task-log' : type,
    at: timestampMs ?? now,
    worker: hostname,
  }
}

function fieldsToWire(type: string, fields: Fields, task: HeldTask | undefined): Fields {
  switch (type) {
    case 'task-received':
      return task === undefined ? fields : { ...fields, ...receivedFields(task) }
    case 'task-succeeded':
      return { ...fields, result: reprOf(fields.result) }
    case 'task-failed':
    case 'task-retried':
    case 'task-rejected':
      return { ...fields, exception: exceptionText(fields.exception), traceback: tracebackText(fields) }
    case 'task-released':
      return { ...fields, requeue: true }
    case 'task-revoked':
      return { ...fields, signum: signalNumber(fields.signum) }
    default:
      return fields
  }
}

function receivedFields({ request }: HeldTask): Fields {
  const { rootId, parentId, etaMs, expiresMs } = request
  return {
    name: request.shadow ?? request.task,
    args: request.argsRepr ?? tupleRepr(request.args),
    kwargs: request.kwargsRepr ?? pythonRepr(request.kwargs),
    root_id: rootId ?? request.id,
    parent_id: parentId ?? null,
    eta: etaMs === undefined ? null : (writeIsoTime(etaMs) ?? null),
    expires: expiresMs === undefined ? null : (writeIsoTime(expiresMs) ?? null),
  }
}

/** A worker shows results as JSON, cut where they are long. */
function reprOf(text: unknown): unknown {
  if (text === undefined || text === 'undefined') return 'None'
  try {
    return pythonRepr(JSON.parse(String(text)))
  } catch {
    return text
  }
}

/** `TypeError: no` becomes `TypeError('no')`. */
function exceptionText(text: unknown): unknown {
  const [name, message] = exceptionParts(text)
  if (name === undefined || message === undefined) return text
  return exceptionRepr({ exc_type: name, exc_message: [message], exc_module: null })
}

/** As results have it: monitors show both. */
function tracebackText({ exception, traceback }: Fields): unknown {
  const [name, message] = exceptionParts(exception)
  if (typeof traceback !== 'string' || name === undefined || message === undefined) return traceback
  return tracebackOf({ name, message, stack: traceback })
}

function exceptionParts(text: unknown): readonly (string | undefined)[] {
  const [, ...parts] = typeof text === 'string' ? (/^([\w.]+): ([\s\S]*)$/.exec(text) ?? []) : []
  return parts
}

function signalNumber(signal: unknown): unknown {
  if (typeof signal !== 'string') return signal ?? null
  return (constants.signals as Readonly<Record<string, number>>)[signal] ?? (/^\d+$/.test(signal) ? Number(signal) : null)
}
