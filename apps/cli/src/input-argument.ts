/** The INPUT of a command: JSON from the command line, or from stdin for `-`. */
import { argument, type Invocation } from './invocation.ts'
import { parseJson } from './json-input.ts'

/** Undefined when there is none. @throws {ConfigError} OPTION_INVALID with the position */
export async function inputArgument(invocation: Invocation<unknown>, index: number): Promise<unknown> {
  const text = argument(invocation, index)
  if (invocation.args[index] === undefined) return undefined
  return text === '-' ? parseJson(await invocation.terminal.readInput(), 'stdin') : parseJson(text, 'INPUT')
}
