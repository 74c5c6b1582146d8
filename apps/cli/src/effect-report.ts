/** What an operation on several tasks did to each of them, and why it did nothing to some. */
import type { Task } from '@lovage/core'
import { type ExitCode, exitCodes } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { print, printJson } from './terminal.ts'

export interface Effect {
  readonly id: string
  readonly done: boolean
  /** The task after the attempt; undefined when nobody knows it, or where the broker cannot tell. */
  readonly task: Task | undefined
}

/** Prints a line per id. Exit 1 when nothing had an effect. */
export function reportEffects(
  invocation: Pick<Invocation, 'terminal' | 'settings'>,
  effects: readonly Effect[],
  words: { readonly did: string; readonly not: (task: Task) => string },
): ExitCode {
  const { terminal, settings } = invocation
  const why = ({ task }: Effect) => (task === undefined ? `${settings.broker} knows no task of this id` : words.not(task))
  if (settings.json) {
    printJson(terminal, {
      tasks: effects.map((effect) => ({ id: effect.id, done: effect.done, ...(effect.done ? {} : { why: why(effect) }) })),
    })
  } else {
    for (const effect of effects) {
      if (effect.done) print(terminal.out, `${effect.id} ${words.did}`)
      else print(terminal.err, `lovage: ${effect.id} was not ${words.did}: ${why(effect)}`)
    }
  }
  return effects.some((effect) => effect.done) ? exitCodes.done : exitCodes.failed
}
