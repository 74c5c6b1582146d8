/** An invocation: one command as it was called, ready to run. */
import type { LogLevel } from '@lovage/core'
import type { ExitCode } from './exit-code.ts'
import type { Terminal } from './terminal.ts'

/** What every command takes. */
export interface Settings {
  /** The broker's URL. */
  readonly url: string
  /** The same for people to read: without user and password. */
  readonly broker: string
  /** Over the broker's own wake-ups. */
  readonly signal: string | undefined
  /** Over the broker's own place for results. */
  readonly results: string | undefined
  /** Celery's settings by their names. */
  readonly celery: Readonly<Record<string, unknown>> | undefined
  /** What a Lovage server lets a worker in for. */
  readonly token: string | undefined
  /** Milliseconds; undefined leaves it to the broker. */
  readonly leaseMs: number | undefined
  readonly heartbeatMs: number | undefined
  /** One JSON document, or JSON Lines for a stream, instead of text. */
  readonly json: boolean
  /** Undefined when nobody asked for one. */
  readonly logLevel: LogLevel | undefined
}

export interface Invocation<Options = Readonly<Record<string, unknown>>> {
  readonly terminal: Terminal
  readonly settings: Settings
  /** Positional arguments as commander gives them: texts, arrays of texts for variadic ones, undefined for absent ones. */
  readonly args: readonly (string | readonly string[] | undefined)[]
  readonly options: Options
}

/** Whether the broker is a Lovage server, at which one works. */
export function isServerUrl(url: string): boolean {
  return /^\s*https?:\/\//i.test(url)
}

/** Runs a command. Throwing means that it failed; the message becomes the one line. */
export type Action<Options = Readonly<Record<string, unknown>>> = (invocation: Invocation<Options>) => Promise<ExitCode>

/** The positional argument as a text; empty when it is absent. */
export function argument(invocation: Pick<Invocation, 'args'>, index: number): string {
  const value = invocation.args[index]
  return typeof value === 'string' ? value : ''
}

/** The variadic argument as a list. */
export function argumentList(invocation: Pick<Invocation, 'args'>, index: number): readonly string[] {
  const value = invocation.args[index]
  return typeof value === 'object' ? value : []
}
