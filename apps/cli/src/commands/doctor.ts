/** `lovage doctor`: checks this machine and a live store, changing nothing. */
import { StoreError, silentLogger } from '@lovage/core'
import { type Backend, openBackend, type StoreFacts, storeFacts } from 'lovage'
import type { Checkup, Finding } from '../doctor/checkup.ts'
import { clockCheckup, diskCheckup, journalCheckup, nodeCheckup, schemaCheckup } from '../doctor/machine-checkups.ts'
import { caseCheckups, linkCheckup, signalCheckup } from '../doctor/store-checkups.ts'
import { errorLine } from '../error-line.ts'
import { type ExitCode, exitCodeOf, exitCodes } from '../exit-code.ts'
import type { Action, Invocation, Settings } from '../invocation.ts'
import { painter } from '../render/paint.ts'
import { print, printJson } from '../terminal.ts'

export const doctor: Action = async (invocation) => {
  const { terminal, settings } = invocation
  const findings: Finding[] = []
  const tell = (finding: Finding) => {
    findings.push(finding)
    if (!settings.json) print(terminal.out, findingLine(finding, invocation))
  }
  const code = await examine(settings, tell)
  const failed = findings.filter((finding) => finding.verdict === 'fail').length
  const warned = findings.filter((finding) => finding.verdict === 'warn').length
  if (settings.json) printJson(terminal, { broker: settings.broker, findings, failed, warned })
  else print(terminal.out, `${findings.length} checks on ${settings.broker}: ${failed} failed, ${warned} with a warning`)
  return code === exitCodes.done && failed > 0 ? exitCodes.failed : code
}

/** Looks at everything; what cannot be opened ends the examination, because the rest would only repeat it. */
async function examine({ url, broker, signal }: Settings, tell: (finding: Finding) => void): Promise<ExitCode> {
  await lookAt([nodeCheckup], tell)
  let backend: Backend
  try {
    const facts = await storeFacts(url)
    await lookAt(fileCheckups(facts), tell)
    if (facts?.schema.current === 0) throw noStore(broker)
    backend = await openBackend(url, { migrate: false, signal, logger: silentLogger })
  } catch (error) {
    const code = exitCodeOf(error)
    if (code !== exitCodes.unreachable) throw error
    tell({ check: 'store', verdict: 'fail', detail: plain(error) })
    return code
  }
  try {
    tell({ check: 'store', verdict: 'ok', detail: `${backend.store.name} opens` })
    const { link } = backend.signal
    if (link !== undefined && signal !== undefined) await lookAt([linkCheckup(link, signal)], tell)
    await lookAt([signalCheckup(backend.signal), clockCheckup(backend.store), ...caseCheckups(backend.store)], tell)
    return exitCodes.done
  } finally {
    await backend.close()
  }
}

function fileCheckups(facts: StoreFacts | undefined): readonly Checkup[] {
  if (facts === undefined) return []
  const { path, schema } = facts
  const isThere = schema.current > 0
  return [
    ...(path === undefined ? [] : [diskCheckup(path)]),
    ...(isThere ? [schemaCheckup(facts)] : []),
    ...(isThere && path !== undefined ? [journalCheckup(path)] : []),
  ]
}

async function lookAt(checkups: readonly Checkup[], tell: (finding: Finding) => void): Promise<void> {
  for (const { check, look } of checkups) {
    try {
      tell({ check, ...(await look()) })
    } catch (error) {
      tell({ check, verdict: 'fail', detail: plain(error) })
    }
  }
}

function noStore(broker: string): StoreError {
  return new StoreError(
    'STORE_UNAVAILABLE',
    `expected a store at ${broker}, got: none; \`lovage migrate\` or the first task makes it`,
  )
}

function findingLine({ check, verdict, detail }: Finding, { terminal }: Pick<Invocation, 'terminal'>): string {
  const colour = { ok: 'green', warn: 'yellow', fail: 'red' } as const
  return `${painter(terminal.out)(colour[verdict], verdict.padEnd(4))}  ${check}${detail === '' ? '' : `: ${detail}`}`
}

function plain(error: unknown): string {
  return errorLine(error).replace(/^lovage: /, '')
}
