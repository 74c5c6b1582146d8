/** What a command is: its words, options and examples as data, and where its code is loaded from when it runs. */
import type { Action } from '../invocation.ts'
import type { ReadValue } from '../option-values.ts'

export interface ArgumentSpec {
  /** Commander's notation: `<name>`, `[input]`, `<id...>`. */
  readonly name: string
  readonly meaning: string
}

export interface OptionSpec {
  /** Commander's notation: `-Q, --queue <name>`. */
  readonly flags: string
  readonly meaning: string
  readonly read?: ReadValue
  readonly initial?: unknown
  /** Names of options that cannot stand beside it, as commander writes them (`keyFor`). */
  readonly conflicts?: readonly string[]
}

export interface Example {
  readonly line: string
  readonly meaning: string
}

export interface CommandSpec {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What else one should know, for `--help` and the page. */
  readonly notes?: string
  readonly args?: readonly ArgumentSpec[]
  readonly options?: readonly OptionSpec[]
  readonly examples: readonly Example[]
  /** Subcommands; a command has either these or `load`. */
  readonly commands?: readonly CommandSpec[]
  /** Loads the code, so that a command pays for nothing but itself. */
  readonly load?: () => Promise<Action<never>>
}

/** Shortens the list of examples. */
export function example(line: string, meaning: string): Example {
  return { line, meaning }
}
