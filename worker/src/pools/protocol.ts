/**
 * What a pool and its children say to each other: JSON text both ways, whatever carries it. Text is what strings of both
 * `postMessage` and IPC carry fastest, and a result is encoded where the handler's objects still have their `toJSON`, so
 * that it comes out as it does from the inline pool.
 */
import type { Failure, SendOptions, TaskResult } from '@lovage/core'
import type { Job, JobEnd } from '../pool.ts'

/** From the pool to a child. `run` numbers the runs of the pool, so that what comes too late is known by it. */
export type ToChild =
  | { readonly type: 'load'; readonly modules: readonly string[] }
  | { readonly type: 'run'; readonly run: number; readonly job: Job }
  | { readonly type: 'abort'; readonly run: number; readonly reason: Failure }
  | { readonly type: 'answer'; readonly call: number; readonly value: string | readonly TaskResult[] }
  | { readonly type: 'refusal'; readonly call: number; readonly failure: Failure }
  /** Exit; sent only between runs. */
  | { readonly type: 'stop' }

/** From a child to the pool. */
export type FromChild =
  /** The modules are loaded. */
  | { readonly type: 'ready' }
  /** The modules cannot be loaded. */
  | { readonly type: 'broken'; readonly failure: Failure }
  /** Sent by a child that is about to die of an uncaught error. */
  | { readonly type: 'uncaught'; readonly failure: Failure }
  | RunReport

/** About the run that a child has. */
export type RunReport =
  | { readonly type: 'end'; readonly run: number; readonly end: JobEnd }
  | { readonly type: 'progress'; readonly run: number; readonly value: unknown; readonly detail: unknown }
  | {
      readonly type: 'log'
      readonly run: number
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly text: string
    }
  | Call

/** What a handler asks of the worker; it gets an answer or a refusal. */
export type Call =
  | {
      readonly type: 'send'
      readonly run: number
      readonly call: number
      readonly name: string
      readonly input: unknown
      readonly options: SendOptions | undefined
    }
  | { readonly type: 'dependencies'; readonly run: number; readonly call: number }

/** Reads a message; undefined for what is not ours, since a handler may write into the same channel. */
export function readMessage<Message extends ToChild | FromChild>(data: unknown): Message | undefined {
  if (typeof data !== 'string') return undefined
  try {
    const message: unknown = JSON.parse(data)
    return typeof message === 'object' && message !== null ? (message as Message) : undefined
  } catch {
    return undefined
  }
}
