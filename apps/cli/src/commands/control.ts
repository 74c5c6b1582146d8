/** `lovage control`: tells workers what to do. */
import { ConfigError, controlMethods, inspectMethods, nearest } from '@lovage/core'
import { askWorkers, type WhomFlags } from '../ask-workers.ts'
import { controlArguments } from '../control-arguments.ts'
import { type Action, argument, argumentList } from '../invocation.ts'

interface ControlFlags extends WhomFlags {
  readonly terminate?: boolean
}

export const control: Action<ControlFlags> = async (invocation) => {
  const method = argument(invocation, 0)
  checkMethod(method)
  if (invocation.options.terminate && method !== 'revoke') {
    throw new ConfigError('OPTION_INVALID', `expected --terminate only with revoke, got: it with ${method}; leave it out`)
  }
  const args = controlArguments('control', method, argumentList(invocation, 1))
  return askWorkers(invocation, method, invocation.options.terminate ? { ...args, terminate: true } : args)
}

/** Users add methods to their workers, so an unknown one is sent; but one that only looks mistyped is not. */
function checkMethod(method: string): void {
  const known: readonly string[] = controlMethods
  if (known.includes(method)) return
  const asks = (inspectMethods as readonly string[]).includes(method)
  const close = nearest(method, known)
  if (!asks && close === undefined) return
  const cure = asks ? `it only asks: \`lovage inspect ${method}\`` : `did you mean ${close}?`
  throw new ConfigError(
    'OPTION_INVALID',
    `expected METHOD to be one of ${known.join(', ')} or one of your own, got: ${method}; ${cure}`,
  )
}
