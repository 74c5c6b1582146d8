/** `lovage inspect`: asks workers what they know and do. */
import { ConfigError, controlMethods, inspectMethods, nearest } from '@lovage/core'
import { askWorkers, type WhomFlags } from '../ask-workers.ts'
import { controlArguments } from '../control-arguments.ts'
import { type Action, argument, argumentList } from '../invocation.ts'

export const inspect: Action<WhomFlags> = async (invocation) => {
  const method = argument(invocation, 0)
  if (!(inspectMethods as readonly string[]).includes(method)) throw unknownMethod(method)
  return askWorkers(invocation, method, controlArguments('inspect', method, argumentList(invocation, 1)))
}

function unknownMethod(method: string): ConfigError {
  const close = nearest(method, inspectMethods)
  const cure = (controlMethods as readonly string[]).includes(method)
    ? `it changes workers: \`lovage control ${method}\``
    : close === undefined
      ? 'see `lovage inspect --help`'
      : `did you mean ${close}?`
  return new ConfigError('OPTION_INVALID', `expected METHOD to be one of ${inspectMethods.join(', ')}, got: ${method}; ${cure}`)
}
