/** `lovage migrate`: brings the store's schema up to date. */
import { ConfigError } from '@lovage/core'
import { openBackend, storeFacts } from 'lovage'
import { exitCodes } from '../exit-code.ts'
import type { Action } from '../invocation.ts'
import { print, printJson } from '../terminal.ts'

interface MigrateFlags {
  readonly check?: boolean
}

export const migrate: Action<MigrateFlags> = async ({ terminal, settings, options }) => {
  const { url, broker } = settings
  const facts = await storeFacts(url)
  if (facts === undefined) {
    throw new ConfigError(
      'UNSUPPORTED',
      `expected a store with a schema, got: ${broker}, which has none; there is nothing to migrate`,
    )
  }
  const { current, latest } = facts.schema
  const isBehind = current < latest
  if (isBehind && !options.check) await (await openBackend(url)).close()
  if (settings.json) printJson(terminal, { from: current, to: latest, upToDate: !isBehind, migrated: isBehind && !options.check })
  else print(terminal.out, sentence(broker, current, latest, options.check === true))
  return isBehind && options.check ? exitCodes.failed : exitCodes.done
}

function sentence(url: string, current: number, latest: number, isCheck: boolean): string {
  if (current >= latest) return `${url} is at schema ${current}, the latest`
  const from = current === 0 ? 'has no schema yet' : `is at schema ${current}`
  if (isCheck) return `${url} ${from}, the latest is ${latest}: run \`lovage migrate\``
  return current === 0 ? `${url}: created at schema ${latest}` : `${url}: migrated from schema ${current} to ${latest}`
}
