/** Reads and writes result records, in JSON unless the settings say otherwise. */
import { ProtocolError, shown } from '@lovage/core'
import { isRecord } from './embed.ts'
import { parseIsoTime, writeIsoTime } from './iso-time.ts'
import type { PythonValue } from './python-json.ts'
import type { ExtendedRecord, ResultRecord, ResultTuple } from './result-record.ts'
import { storedContent } from './stored-content.ts'
import { textHeader } from './task-headers.ts'

type Fields = Readonly<Record<string, unknown>>

const json = storedContent('json')

/** Reads a record as Redis keeps it. @throws {ProtocolError} PROTOCOL_INVALID */
export function decodeResultRecord(stored: string | Buffer, content = json): ResultRecord {
  const record = readResultRecord(content.read(stored))
  if (record !== undefined) return record
  throw new ProtocolError('PROTOCOL_INVALID', `expected a result with \`task_id\` and \`status\`, got: ${shown(String(stored))}`)
}

/** Reads a record of any version. Undefined when it is none. */
export function readResultRecord({ carried, revived }: PythonValue): ResultRecord | undefined {
  if (!isRecord(revived) || !isRecord(carried)) return undefined
  const { task_id: taskId, status, result = null, children, date_done: doneAt } = revived
  if (typeof taskId !== 'string' || typeof status !== 'string') return undefined
  return {
    taskId,
    status,
    result,
    traceback: textHeader(revived.traceback),
    children: Array.isArray(children) ? children.filter((child) => isResultTuple(child)) : undefined,
    doneAtMs: typeof doneAt === 'string' ? parseIsoTime(doneAt) : undefined,
    groupId: textHeader(revived.group_id),
    parentId: textHeader(revived.parent_id),
    extended: readExtended(revived),
    ...(carried.result === revived.result ? {} : { received: { result, carried: carried.result } }),
  }
}

function readExtended(fields: Fields): ExtendedRecord | undefined {
  const { name, args, kwargs, worker, retries, queue, stamped_headers: stamped } = fields
  if (![name, args, kwargs, worker, retries, queue, stamped].some((value) => value !== undefined)) return undefined
  const stampedHeaders = Array.isArray(stamped) ? stamped.filter((stamp) => typeof stamp === 'string') : undefined
  return {
    name: textHeader(name),
    args,
    kwargs,
    worker: textHeader(worker),
    retries: typeof retries === 'number' ? retries : undefined,
    queue: textHeader(queue),
    stampedHeaders,
    stamps: stampedHeaders && Object.fromEntries(stampedHeaders.map((stamp) => [stamp, fields[stamp]])),
  }
}

/** Whether it is the tuple form of a result, at most a thousand parents and groups deep. */
export function isResultTuple(value: unknown, depth = 1000): value is ResultTuple {
  if (depth === 0 || !Array.isArray(value) || value.length !== 2 || !Array.isArray(value[0])) return false
  const [[id, parent], children] = value
  if (typeof id !== 'string') return false
  if (parent !== null && parent !== undefined && !isResultTuple(parent, depth - 1)) return false
  return children === null || (Array.isArray(children) && children.every((child) => isResultTuple(child, depth - 1)))
}

/** The result as it is to be passed on to Python, for example to the body of a chord. */
export function carriedResult({ result, received }: ResultRecord): unknown {
  return received !== undefined && received.result === result ? received.carried : result
}

/** Writes a record as Redis keeps it. @throws {TaskError} INPUT_UNSERIALIZABLE */
export function writeResultRecord(record: ResultRecord, content = json): string | Buffer {
  return content.write(storedObject(record))
}

/**
 * What `rpc://` sends of a record.
 * @param isFull as Celery does after 5.6, with all that Redis would keep; before, there were five keys, which is the default
 */
export function rpcObject(record: ResultRecord, isFull = false): Fields {
  if (isFull) return storedObject(record)
  const { taskId, status, traceback, children } = record
  return {
    task_id: taskId,
    status,
    result: carriedResult(record) ?? null,
    traceback: traceback ?? null,
    children: children ?? null,
  }
}

function storedObject(record: ResultRecord): Fields {
  const { taskId, status, traceback, children, doneAtMs, groupId, parentId, extended } = record
  return {
    status,
    result: carriedResult(record) ?? null,
    traceback: traceback ?? null,
    children: children ?? null,
    date_done: doneAtMs === undefined ? null : (writeIsoTime(doneAtMs) ?? null),
    ...(groupId === undefined ? {} : { group_id: groupId }),
    ...(parentId === undefined ? {} : { parent_id: parentId }),
    ...(extended === undefined ? {} : extendedObject(extended)),
    task_id: taskId,
  }
}

function extendedObject({ name, args, kwargs, worker, retries, queue, stampedHeaders, stamps }: ExtendedRecord): Fields {
  return {
    name: name ?? null,
    args: args ?? null,
    kwargs: kwargs ?? null,
    worker: worker ?? null,
    retries: retries ?? null,
    queue: queue ?? null,
    ...(stampedHeaders === undefined ? {} : { stamped_headers: stampedHeaders, ...stamps }),
  }
}
