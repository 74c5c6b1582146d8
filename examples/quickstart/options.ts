/** The arguments of the quickstart. */
import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

export interface Options {
  /** Absolute. */
  readonly folder: string
  readonly broker: string
  readonly port: number
  readonly fresh: boolean
  readonly once: boolean
  readonly limit: number
}

export const usage = `npm start -- [FOLDER] [options]

Measures every file of a folder (default: this repository) with one task each, and joins them into one report.

  --fresh        measure everything again
  --once         leave when the report is written, instead of staying up
  --port N       of the HTTP server, 0 for any (default 4600)
  --broker URL   where the tasks are kept (default sqlite:./lovage.db)
  --limit N      the most files (default 10000)
  --help`

/**
 * Reads the arguments, or says what is wrong with them.
 * @param places where the repository stands, and where the user stood when the command was given
 */
export function readOptions(
  args: readonly string[],
  places: { readonly repository: string; readonly cwd: string },
): Options | 'help' | { readonly wrong: string } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        fresh: { type: 'boolean', default: false },
        once: { type: 'boolean', default: false },
        port: { type: 'string', default: '4600' },
        broker: { type: 'string', short: 'b', default: 'sqlite:./lovage.db' },
        limit: { type: 'string', default: '10000' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) return 'help'
    const folder = positionals[0] === undefined ? places.repository : resolve(places.cwd, positionals[0])
    const port = wholeNumber('--port', values.port, 65_535)
    const limit = wholeNumber('--limit', values.limit, 1_000_000)
    const wrong =
      positionals.length > 1
        ? `expected one folder, got: ${positionals.join(' ')}`
        : (wrongFolder(folder) ?? port.wrong ?? limit.wrong)
    if (wrong !== undefined) return { wrong }
    return { folder, broker: values.broker, port: port.value, fresh: values.fresh, once: values.once, limit: limit.value }
  } catch (thrown) {
    return { wrong: (thrown as Error).message }
  }
}

function wrongFolder(folder: string): string | undefined {
  if (!existsSync(folder)) return `expected a folder, got: ${folder}, which does not exist`
  return statSync(folder).isDirectory() ? undefined : `expected a folder, got: ${folder}, which is a file`
}

function wholeNumber(name: string, text: string, most: number): { readonly value: number; readonly wrong?: string } {
  const value = Number(text)
  if (/^\d+$/.test(text) && value <= most) return { value }
  return { value, wrong: `expected ${name} to be a whole number from 0 to ${most}, got: ${text}` }
}
