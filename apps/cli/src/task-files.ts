/** Task files: modules whose exports are task definitions, loaded and checked before anything starts. */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type AnyTask, ConfigError, isTaskDefinition } from '@lovage/core'
import { loadFailure } from './load-failure.ts'

export interface TaskFile {
  /** Absolute. */
  readonly path: string
  readonly definitions: readonly AnyTask[]
}

/**
 * Loads task files; each must give at least one definition, and no name may be defined twice.
 * @param cwd where relative paths begin
 * @throws {ConfigError} MODULE_INVALID, DEFINITION_DUPLICATE
 */
export async function loadTaskFiles(files: readonly string[], cwd: string): Promise<readonly TaskFile[]> {
  const loaded: TaskFile[] = []
  const owners = new Map<string, { readonly definition: AnyTask; readonly file: string }>()
  for (const file of files) {
    const path = resolve(cwd, file)
    if (loaded.some((one) => one.path === path)) continue
    const definitions = await definitionsIn(file, path)
    for (const definition of definitions) {
      const owner = owners.get(definition.name)
      if (owner !== undefined && owner.definition !== definition) throw duplicate(definition.name, owner.file, file)
      owners.set(definition.name, { definition, file })
    }
    loaded.push({ path, definitions })
  }
  return loaded
}

/** All definitions of some files, each once. */
export function definitionsOf(files: readonly TaskFile[]): readonly AnyTask[] {
  return [...new Set(files.flatMap((file) => file.definitions))]
}

async function definitionsIn(file: string, path: string): Promise<readonly AnyTask[]> {
  checkFile(file, path)
  let exports: Readonly<Record<string, unknown>>
  try {
    exports = await import(pathToFileURL(path).href)
  } catch (error) {
    throw new ConfigError('MODULE_INVALID', `expected ${file} to load, got: ${loadFailure(error, path)}`, {
      cause: error,
      subject: path,
    })
  }
  const definitions = collect(exports)
  if (definitions.length > 0) return definitions
  throw new ConfigError(
    'MODULE_INVALID',
    `expected ${file} to export a task definition, got: ${describe(exports)}; export what \`defineTask({ name, run })\` returns`,
    { subject: path },
  )
}

function checkFile(file: string, path: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) {
    throw new ConfigError(
      'MODULE_INVALID',
      `expected a task file at ${file}, got: no such file; relative paths begin at the current folder`,
      {
        subject: path,
      },
    )
  }
  if (found.isDirectory()) {
    throw new ConfigError(
      'MODULE_INVALID',
      `expected a task file at ${file}, got: a folder; name its files, as in ${file.replace(/\/$/, '')}/*.ts`,
      {
        subject: path,
      },
    )
  }
}

/** Named and default exports, and the arrays and records among them; the same definition counts once. */
function collect(exports: Readonly<Record<string, unknown>>): readonly AnyTask[] {
  const found = new Set<AnyTask>()
  for (const value of Object.values(exports)) {
    const candidates = isTaskDefinition(value)
      ? [value]
      : Array.isArray(value)
        ? value
        : isRecord(value)
          ? Object.values(value)
          : []
    for (const candidate of candidates) if (isTaskDefinition(candidate)) found.add(candidate)
  }
  return [...found]
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function describe(exports: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(exports)
  if (entries.length === 0) return 'no exports'
  const shown = entries.slice(0, 5).map(([name, value]) => `${name} (${kindOf(value)})`)
  return `exports ${shown.join(', ')}${entries.length > 5 ? ' and more' : ''}`
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array without definitions' : typeof value
}

function duplicate(name: string, first: string, second: string): ConfigError {
  const where = first === second ? `twice in ${first}` : `in ${first} and in ${second}`
  return new ConfigError(
    'DEFINITION_DUPLICATE',
    `expected one definition of task ${name}, got: two, ${where}; rename one of them`,
    { subject: name },
  )
}
