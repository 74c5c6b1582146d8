/** Asking workers and printing what they say: what `inspect` and `control` have in common. */
import type { Client } from '@lovage/client'
import type { RequestOptions } from '@lovage/core'
import { formatDuration } from '@lovage/core'
import { withBroker } from './connection.ts'
import type { ControlArguments } from './control-arguments.ts'
import { type ExitCode, exitCodes } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { replyLines } from './render/control-replies.ts'
import { painter } from './render/paint.ts'
import { print, printJson } from './terminal.ts'

/** Whom to ask, as the options say it. */
export interface WhomFlags {
  readonly destination?: readonly string[]
  readonly pattern?: string
  /** Milliseconds. */
  readonly timeout: number
}

/** Asks, prints the replies, and says who kept silent. Exit 69 when all did, 1 when one answered with an error. */
export async function askWorkers(invocation: Invocation<WhomFlags>, method: string, args: ControlArguments): Promise<ExitCode> {
  const { terminal, settings, options } = invocation
  const { pattern, timeout } = options
  let { destination } = options
  const replies = await withBroker(invocation, async (broker) => {
    destination = await namesOf(broker, destination)
    const request: RequestOptions = { destination, pattern, timeoutMs: timeout }
    return broker.control.request(method, args, request)
  })
  if (settings.json) printJson(terminal, { replies })
  else if (replies.length > 0) for (const line of replyLines(replies, painter(terminal.out))) print(terminal.out, line)
  const silent = (destination ?? []).filter((name) => !replies.some((reply) => reply.worker === name))
  if (replies.length === 0 || silent.length > 0) print(terminal.err, silenceLine(method, options, silent, settings.broker))
  if (replies.length === 0) return exitCodes.unreachable
  return replies.every((reply) => reply.ok) ? exitCodes.done : exitCodes.failed
}

/** Workers that come in at a server are called by their ids, too. */
async function namesOf({ admin }: Pick<Client, 'admin'>, destination: readonly string[] | undefined) {
  if (admin === undefined || destination?.every((name) => name.includes('@')) !== false) return destination
  const known = (await admin.workers()).map(({ name }) => name)
  return destination.flatMap((name) => {
    const alike = known.filter((other) => other.slice(0, other.lastIndexOf('@')) === name)
    return known.includes(name) || alike.length === 0 ? [name] : [...new Set(alike)]
  })
}

function silenceLine(method: string, { pattern, timeout }: WhomFlags, silent: readonly string[], broker: string): string {
  const whom = silent.length > 0 ? ` from ${silent.join(', ')}` : pattern === undefined ? '' : ` from a worker like ${pattern}`
  const cure = '`lovage status` lists the workers, --timeout waits longer'
  return `lovage: expected an answer to ${method}${whom} within ${formatDuration(timeout)}, got: none on ${broker}; ${cure}`
}
