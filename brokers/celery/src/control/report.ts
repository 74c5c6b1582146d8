/** The command `report`: what a worker says of itself, with what only its broker knows. */
import { inspect } from 'node:util'
import type { Member } from '../member.ts'
import { brokerFacts, isFields } from './task-facts.ts'

/**
 * In the first line the software, in the second broker and results in Celery's words, then everything. No passwords.
 * @param own the worker's reply
 */
export function reportText(own: unknown, settings: unknown, stats: unknown, { url, transport, results }: Member): string {
  const [software = ''] = isFields(own) && typeof own.ok === 'string' ? own.ok.split('\n') : []
  const { hostname, port, virtual_host: path } = brokerFacts(url, transport.kind)
  const where = `settings -> transport:${transport.kind} results:${results?.kind ?? 'disabled'} broker:${hostname}:${port}/${path}`
  return `${software}\n${where}\n\n${inspect({ settings, stats }, { depth: 5, breakLength: 120 })}`
}
