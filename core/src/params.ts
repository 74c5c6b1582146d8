/** Positional arguments by name: how callers of other languages fill the one input object. */
import { TaskError } from './errors.ts'
import { shown } from './shown.ts'

/**
 * Binds arguments as a function call would: the first of `args` to the first of `params`, and so on; `kwargs` by name.
 * Names that are not in `params` pass through, for the schema to judge. What is left out is absent.
 * @throws {TaskError} INPUT_INVALID when there are more arguments than names, or a name is given twice
 */
export function bindParams(
  params: readonly string[],
  args: readonly unknown[] = [],
  kwargs: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  if (args.length > params.length) {
    const names = params.length === 0 ? '' : ` (${params.join(', ')})`
    throw new TaskError('INPUT_INVALID', `expected at most ${params.length} positional arguments${names}, got: ${args.length}`)
  }
  const positional = params.slice(0, args.length)
  const twice = positional.find((name) => Object.hasOwn(kwargs, name))
  if (twice !== undefined) {
    throw new TaskError(
      'INPUT_INVALID',
      `expected \`${twice}\` by position or by name, got both, by name: ${shown(kwargs[twice])}`,
    )
  }
  return Object.fromEntries([...positional.map((name, index) => [name, args[index]] as const), ...Object.entries(kwargs)])
}
