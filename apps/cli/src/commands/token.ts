/** `lovage token`: tokens of workers that connect to a server. */
import { type TokenInfo, type TokenOptions, workerTokens } from '@lovage/broker-socketio'
import { nearest, TaskError } from '@lovage/core'
import { withBroker } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import { type Action, argument } from '../invocation.ts'
import { painter } from '../render/paint.ts'
import { tokenLine, tokenRows } from '../render/token-rows.ts'
import { print, printJson } from '../terminal.ts'

interface CreateFlags {
  readonly id?: readonly string[]
  readonly queues?: readonly string[]
  /** Milliseconds. */
  readonly expires?: number
  readonly name?: string
}

export const tokenCreate: Action<CreateFlags> = async (invocation) => {
  const { terminal, settings } = invocation
  const { id: ids, ...rest } = invocation.options
  const options: TokenOptions = { ...rest, ...(ids === undefined ? {} : { ids }) }
  const { token, ...info } = await withBroker(invocation, (broker) => workerTokens(broker).create(options), { create: true })
  if (settings.json) {
    printJson(terminal, { ...tokenDocument(info), token })
    return exitCodes.done
  }
  // The token alone on stdout: `TOKEN=$(lovage token create)`.
  print(terminal.out, token)
  print(terminal.err, tokenLine(info, Date.now()))
  return exitCodes.done
}

export const tokenList: Action = async (invocation) => {
  const { terminal, settings } = invocation
  const tokens = await withBroker(invocation, (broker) => workerTokens(broker).list())
  if (settings.json) printJson(terminal, { tokens: tokens.map(tokenDocument) })
  else if (tokens.length === 0) print(terminal.out, `no tokens in ${settings.broker}; make one with \`lovage token create\``)
  else for (const line of tokenRows(tokens, painter(terminal.out), Date.now(), terminal.out.columns)) print(terminal.out, line)
  return exitCodes.done
}

export const tokenRevoke: Action = async (invocation) => {
  const { terminal, settings } = invocation
  const id = argument(invocation, 0)
  await withBroker(invocation, async (broker) => {
    const tokens = workerTokens(broker)
    if (!(await tokens.revoke(id))) throw unknownToken(id, await tokens.list())
  })
  if (settings.json) printJson(terminal, { id, revoked: true })
  else print(terminal.out, `${id} revoked; workers that came in with it are sent away`)
  return exitCodes.done
}

function unknownToken(id: string, known: readonly TokenInfo[]): TaskError {
  const close = nearest(
    id,
    known.map((token) => token.id),
  )
  const cure = close === undefined ? '`lovage token list` lists them' : `did you mean ${close}?`
  // A whole token in its place is not shown.
  const got = /^[\w-]{1,20}$/.test(id) ? id : 'another text'
  return new TaskError('TOKEN_UNKNOWN', `expected the id of a token, got: ${got}; ${cure}`, { subject: got })
}

function tokenDocument({ id, name, ids, queues, createdAt, expiresAt, isExpired }: TokenInfo): object {
  return { id, name, ids, queues, createdAt: createdAt.getTime(), expiresAt: expiresAt?.getTime(), expired: isExpired }
}
