/** A backend in a process that a test can kill, freeze or block. */
import { type ChildProcess, fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { type ErrorCode, type Store, StoreError } from '@lovage/core'
import { onTestFinished } from 'vitest'
import type { SqliteOptions } from '../src/index.ts'

export interface ChildCall {
  readonly id: number
  /** A method of the store, of its records (`records.read`), or an order of the child's own. */
  readonly target: string
  readonly args: readonly unknown[]
}

export type ChildReply =
  | { readonly id: number; readonly value?: unknown; readonly failed?: readonly [ErrorCode, string] }
  | { readonly event: string; readonly value: unknown }

export interface BackendProcess {
  readonly child: ChildProcess
  readonly store: Store
  /** Emits what the child reports by name: `lost`, and each channel it subscribed to. */
  readonly events: EventEmitter
  order(target: string, ...args: readonly unknown[]): Promise<unknown>
  /** Ends the process with -9 and resolves when it is gone. */
  kill(): Promise<void>
}

const methods = ['insert', 'claim', 'update', 'renew', 'sweep', 'get', 'find', 'counts', 'note', 'logs', 'prune', 'close'] as const

/** Starts a process with the file open. It is killed at the end of the test. */
export async function backendProcess(path: string, options: SqliteOptions = {}): Promise<BackendProcess> {
  const file = new URL('./backend-child.ts', import.meta.url)
  const child = fork(file, [path, JSON.stringify(options)], { serialization: 'advanced', execArgv: [] })
  const events = new EventEmitter()
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let calls = 0
  child.on('message', (reply: ChildReply) => {
    if ('event' in reply) {
      events.emit(reply.event, reply.value)
      return
    }
    const call = waiting.get(reply.id)
    waiting.delete(reply.id)
    if (reply.failed === undefined) call?.resolve(reply.value)
    else call?.reject(new StoreError(...reply.failed))
  })
  const gone = once(child, 'exit').then(() => {
    for (const { reject } of waiting.values()) reject(new StoreError('STORE_UNAVAILABLE', 'the process is gone'))
  })
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await gone
  }
  onTestFinished(kill)
  const order = (target: string, ...args: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const id = ++calls
      waiting.set(id, { resolve, reject })
      child.send({ id, target, args } satisfies ChildCall, (error) => error !== null && reject(error))
    })
  await Promise.race([once(events, 'ready'), gone])
  return { child, events, order, kill, store: storeBy(order) }
}

function storeBy(order: BackendProcess['order']): Store {
  const records = Object.fromEntries(
    ['read', 'list', 'write'].map((name) => [name, (...args: unknown[]) => order(`records.${name}`, ...args)]),
  )
  return {
    name: 'sqlite',
    capabilities: { durable: true, shared: true, renewsAlone: true },
    records,
    ...Object.fromEntries(methods.map((name) => [name, (...args: unknown[]) => order(name, ...args)])),
  } as unknown as Store
}
